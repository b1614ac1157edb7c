"""Line charts as SVG, by the standard library alone."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 80, 130, 50, 60
COLOURS = ["#0b6e99", "#d9480f", "#2b8a3e", "#862e9c", "#868e96", "#c2255c", "#5f3dc4", "#e8a200"]
STYLE = ("text{font:13px sans-serif;fill:#495057}.title{font-size:16px;font-weight:bold}"
         ".grid{stroke:#dee2e6;stroke-width:1}.line{fill:none;stroke-width:2.5}")


class Axis:
    """Values onto pixels. `form` makes the text of a value; `ticks` are those that are named."""

    def __init__(self, label, values, first, last, log, form=lambda v: f"{v:g}", ticks=None):
        self.label, self.first, self.last, self.log, self.form = label, first, last, log, form
        low, high = min(values), max(values)
        self.ticks = ticks or (self._decades(low, high) if log else self._steps(high))
        self.low, self.high = min(low, self.ticks[0]), max(high, self.ticks[-1])
        if self.low == self.high:
            self.high = self.low * 2 if self.low else 1

    @staticmethod
    def _decades(low, high):
        return [10.0 ** e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]

    @staticmethod
    def _steps(high):
        step = 10 ** math.floor(math.log10(high or 1))
        step = next(s for s in (step / 5, step / 2, step, 2 * step) if high / s <= 8)
        return [i * step for i in range(math.ceil(high / step) + 1)]

    def at(self, value):
        scale = math.log10 if self.log else float
        share = (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low))
        return self.first + share * (self.last - self.first)


def spaced(places, least):
    """The same places in their order, moved apart so that none is closer than `least` to the one before."""
    moved = {}
    for i in sorted(range(len(places)), key=lambda i: places[i]):
        moved[i] = max(places[i], max(moved.values(), default=-math.inf) + least)
    return [moved[i] for i in range(len(places))]


def grid(x, y):
    for tick in y.ticks:
        at = y.at(tick)
        yield f'<line class="grid" x1="{LEFT}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}"/>'
        yield f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{escape(y.form(tick))}</text>'
    for tick in x.ticks:
        at = x.at(tick)
        yield f'<line class="grid" x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{HEIGHT - BOTTOM}"/>'
        yield f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{escape(x.form(tick))}</text>'


def lines(series, x, y):
    ends = spaced([y.at(points[-1][1]) for _, points in series], 16)
    for (name, points), colour, end in zip(series, COLOURS, ends):
        path = " ".join(f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in points)
        yield f'<polyline class="line" stroke="{colour}" points="{path}"/>'
        for a, b in points:
            yield f'<circle cx="{x.at(a):.1f}" cy="{y.at(b):.1f}" r="3" fill="{colour}"/>'
        yield (f'<text x="{x.at(points[-1][0]) + 8:.1f}" y="{end + 4:.1f}" style="fill:{colour}">'
               f'{escape(name)}</text>')


def chart(title, x_label, y_label, series, log_x=True, log_y=True, x_form=None, x_ticks=None):
    """`series` are (name, [(x, y), ...]); at most as many as there are colours."""
    xs, ys = ([p[i] for _, points in series for p in points] for i in (0, 1))
    x = Axis(x_label, xs, LEFT, WIDTH - RIGHT, log_x, x_form or (lambda v: f"{v:g}"), x_ticks)
    y = Axis(y_label, ys, HEIGHT - BOTTOM, TOP, log_y)
    body = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text class="title" x="{LEFT}" y="26">{escape(title)}</text>',
        *grid(x, y), *lines(series, x, y),
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 16}" text-anchor="middle">{escape(x_label)}</text>',
        f'<text transform="translate(18 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">'
        f'{escape(y_label)}</text>',
    ]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"><style>{STYLE}</style>\n'
            + "\n".join(body) + "\n</svg>\n")
