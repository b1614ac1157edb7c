"""scripts/nat-experiment, in short: hole punching behind one kind of NAT that allows it and one that does not."""
import asyncio
import pathlib
import subprocess
import sys

from kithnode import Skipped, check, promises, run

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
from nat import measure, meeting, punch  # noqa: E402
from nat.kinds import KINDS  # noqa: E402
from nat.world import Lacking, World  # noqa: E402

TRIES = 3


def behind(one, other, measured):
    """What `measured` gives for two sites of these kinds, once a helper is there."""
    async def body():
        helper = await meeting.Helper(world).start()
        try:
            return await measured(world, *sites)
        finally:
            helper.close()
    try:
        world = World(measure.MIDDLE)
        sites = [world.site(KINDS[one], measure.LEFT), world.site(KINDS[other], measure.RIGHT)]
        world.start()
    except Lacking as lack:
        raise Skipped(str(lack)) from None
    try:
        return asyncio.run(body())
    finally:
        world.close()


async def punched(_, left, right, seconds):
    """How many of some tries at once succeeded."""
    tries = await asyncio.gather(*(punch.attempt("simultaneous", left.host, right.host, times=seconds)
                                   for _ in range(TRIES)))
    check(not any(each.broken for each in tries), f"{tries}")
    return sum(each.success for each in tries)


@promises("M6")
def two_nodes_meet_through_gateways_that_keep_their_ports_and_drop_strangers(_):
    async def measured(world, *sites):
        return await measure.kinds(world, sites), await punched(world, *sites, seconds=20)
    rows, good = behind("keeps", "keeps", measured)
    check(all(row[-2:] == ("dropped", "dropped") for row in rows), f"a stranger came in: {rows}")
    check(good == TRIES, f"{good} of {TRIES}")


@promises("M6")
def two_nodes_do_not_meet_if_a_gateway_takes_another_port_for_each_connection(_):
    async def measured(world, *sites):
        return await punched(world, *sites, seconds=0.7)
    good = behind("keeps", "random", measured)
    check(good == 0, f"{good} of {TRIES}")


@promises("M6")
def the_experiment_says_what_the_machine_lacks(lab):
    script = subprocess.run([sys.executable, SCRIPTS / "nat-experiment"], env={"PATH": lab.home}, capture_output=True,
                            text=True, check=False, timeout=60)
    check(script.returncode == 77 and "no program ip" in script.stderr and not script.stdout,
          f"{script.returncode}, {script.stderr}")


if __name__ == "__main__":
    run([two_nodes_meet_through_gateways_that_keep_their_ports_and_drop_strangers,
         two_nodes_do_not_meet_if_a_gateway_takes_another_port_for_each_connection,
         the_experiment_says_what_the_machine_lacks])
