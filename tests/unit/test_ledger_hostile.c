/* The service of Infnote and coin among peers that lie, say nothing, or say too much. */
#include "tests/unit/ledger_net.h"

enum { LONGEST = 4000, HONEST = 0, VICTIM = 1, LIAR = 11 };

static const struct ledger_variant *const variants[] = {&ledger_infnote, &ledger_coin};

/* --- a puppet with a chain of its own --- */

static struct script {
    struct chain_item blocks[LONGEST + 1]; /* 0 is the genesis */
    int64_t height;
    bool serves, lists, says_none; /* says_none: it answers that there are no further blocks */
    uint32_t empty;                /* such answers that it got */
    uint32_t lists_asked, blocks_asked, ids_asked;
    struct tally heard;
} s;

static struct chain_item next_block(const struct chain_item *before, int64_t time_s, uint32_t message)
{
    struct chain_item block;
    char text[256];
    snprintf(text, sizeof text, "{\"message\":[%u],\"receiver\":\"%040x\",\"sender\":\"%040x\"}", message, 3,
             4);
    assert_true(chain_block_make(before, time_s, text, strlen(text), &block));
    return block;
}

/* Block `bad` lies before its parent in time; 0 for none. */
static void script_chain(int64_t height, int64_t bad)
{
    s.height = height;
    s.serves = s.lists = true;
    assert_true(chain_genesis("LOCAL", &s.blocks[0]));
    for (int64_t i = 1; i <= height; i++) {
        s.blocks[i] = next_block(&s.blocks[i - 1], i == bad ? 1 : 1000 + i, (uint32_t)(70000 + i));
    }
}

static void script_end(void)
{
    for (int64_t i = 0; i <= LONGEST; i++) {
        chain_item_free(&s.blocks[i]);
    }
    s = (struct script){0};
}

static void send_list(uint32_t puppet, uint32_t to, int64_t from)
{
    int64_t n = s.height - from + 1 < CHAIN_LIST_MAX ? s.height - from + 1 : CHAIN_LIST_MAX;
    n = n < 0 ? 0 : n;
    struct parcel *p = parcel_new(NULL, sizeof(struct chain_hashes) + (size_t)n * sizeof(struct chain_hash));
    struct chain_hashes *h = (void *)p->bytes;
    *h = (struct chain_hashes){.from = from, .n = (uint32_t)n};
    for (int64_t i = 0; i < n; i++) {
        h->hashes[i] = s.blocks[from + i].id;
    }
    say(puppet, to, LEDGER_LIST, p);
}

static void send_block(uint32_t puppet, uint32_t to, const struct chain_wanted *w_, uint32_t i)
{
    for (int64_t n = 0; n <= s.height; n++) {
        if (w_->by_hash ? chain_hash_equal(&s.blocks[n].id, &w_->items[i].hash) : w_->items[i].number == n) {
            say(puppet, to, LEDGER_BLOCKS, chain_pack_one(&s.blocks[n]));
        }
    }
}

static void puppet_hears(uint32_t puppet, uint32_t link, uint32_t kind, const struct parcel *parcel)
{
    uint32_t to = w.nodes[puppet].links[link].to;
    if (!parcel) {
        return;
    }
    const struct chain_range *range = (const void *)parcel->bytes;
    const struct chain_wanted *wanted = (const void *)parcel->bytes;
    count_sent(&s.heard, kind, parcel);
    s.empty += kind == LEDGER_BLOCKS && parcel->size == 0;
    if (kind == LEDGER_GET_LIST) {
        s.lists_asked += range->count > 1; /* not if it only looks for more */
        if (s.lists && w.protocol.variant == &ledger_infnote) {
            send_list(puppet, to, range->from);
        }
    } else if (kind == LEDGER_GET_BLOCKS) {
        s.blocks_asked += wanted->n;
        if (s.says_none) {
            say(puppet, to, LEDGER_BLOCKS, parcel_new("", 0));
        }
        for (uint32_t i = 0; i < wanted->n && s.serves; i++) {
            send_block(puppet, to, wanted, i);
        }
    } else if (kind == LEDGER_GET_TRANSACTION) {
        s.ids_asked += parcel->size / sizeof(struct chain_hash);
    }
}

static void puppet_joins(uint32_t puppet, uint32_t node, int64_t height)
{
    start_puppet(puppet);
    w.nodes[puppet].last_block = height;
    join(puppet, node);
}

/* What the victim has taken from the puppet, also once that has gone. */
static const struct link *to_puppet(uint32_t puppet)
{
    for (uint32_t i = 0; i < LINKS; i++) {
        if (w.nodes[VICTIM].links[i].to == puppet && w.nodes[VICTIM].links[i].generation > 0) {
            return &w.nodes[VICTIM].links[i];
        }
    }
    return NULL;
}

/* --- catching up among liars --- */

static void a_longer_chain_that_is_not_valid_is_left(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        open_net(variants[v], 2);
        script_chain(3000, 1500);
        grow(HONEST, 100);
        puppet_joins(LIAR, VICTIM, 3000);
        pass(5000);
        const struct link *l = to_puppet(LIAR);
        assert_true(l->sent_away);
        assert_int_equal(l->points, DEMERIT_BLOCK - 10); /* and ten for the end */
        join(VICTIM, HONEST);
        pass(60000);
        /* What was valid of it is longer than the honest one. */
        assert_int_equal(height_of(&w.nodes[VICTIM]), 1499);
        assert_true(same_chain(VICTIM, HONEST));
        assert_true(w.nodes[VICTIM].in_order);
        script_end();
        close_net();
    }
}

static void who_promises_and_brings_nothing_is_blamed_and_ends(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        for (int lists = 0; lists < 2; lists++) {
            open_net(variants[v], 2);
            script_chain(300, 0);
            s.serves = false;
            s.lists = lists;
            grow(HONEST, 200);
            puppet_joins(LIAR, VICTIM, 300);
            pass(9000);
            assert_int_equal(to_puppet(LIAR)->points, 0);
            join(VICTIM, HONEST);
            pass(2000);
            /* It holds up nobody, if it is not the one that is asked what there is. */
            pass(60000);
            assert_int_equal(height_of(&w.nodes[VICTIM]), 200);
            assert_true(same_chain(VICTIM, HONEST));
            assert_int_equal(between(VICTIM, HONEST)->points, 0);
            assert_in_range(to_puppet(LIAR)->points, 10, 20);
            script_end();
            close_net();
        }
    }
}

/* Its hashes are nobody's: honest peers that have none such pay nothing. */
static void hashes_that_nobody_has_are_the_listers_fault(void **state)
{
    (void)state;
    open_net(&ledger_infnote, 4);
    script_chain(900, 0);
    s.serves = false;
    join(HONEST, 2);
    join(HONEST, 3);
    grow(HONEST, 900);
    pass(1000);
    puppet_joins(LIAR, VICTIM, 901);
    join(VICTIM, HONEST);
    join(VICTIM, 2);
    join(VICTIM, 3);
    pass(120000);
    assert_true(same_chain(VICTIM, HONEST));
    assert_int_equal(between(VICTIM, HONEST)->points, 0);
    assert_int_equal(between(VICTIM, 2)->points, 0);
    assert_int_equal(between(VICTIM, 3)->points, 0);
    script_end();
    close_net();
}

static void a_list_of_blocks_that_do_not_continue_each_other_is_a_lie(void **state)
{
    (void)state;
    open_net(&ledger_infnote, 2);
    script_chain(50, 0);
    struct chain_item other = next_block(&s.blocks[10], 5000, 1); /* also number 11 */
    chain_item_free(&s.blocks[11]);
    s.blocks[11] = other;
    puppet_joins(LIAR, VICTIM, 50);
    pass(5000);
    assert_true(to_puppet(LIAR)->points >= 10);
    assert_in_range(height_of(&w.nodes[VICTIM]), 0, 11);
    script_end();
    close_net();
}

static void another_genesis_ends_nothing_but_what_it_lists(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        open_net(variants[v], 2);
        script_chain(50, 0);
        for (int64_t i = 0; i <= 50; i++) {
            chain_item_free(&s.blocks[i]);
        }
        assert_true(chain_genesis("elsewhere", &s.blocks[0]));
        for (int64_t i = 1; i <= 50; i++) {
            s.blocks[i] = next_block(&s.blocks[i - 1], 1000 + i, (uint32_t)i);
        }
        puppet_joins(LIAR, VICTIM, 50);
        pass(5000);
        assert_int_equal(to_puppet(LIAR)->points, 10);
        assert_false(to_puppet(LIAR)->sent_away);
        assert_int_equal(height_of(&w.nodes[VICTIM]), 0);
        uint32_t asked = s.lists_asked + s.blocks_asked;
        pass(60000);
        assert_int_equal(s.lists_asked + s.blocks_asked, asked); /* it is asked no more */
        script_end();
        close_net();
    }
}

/* It is known at once, not after ten seconds. */
static void a_lister_that_has_not_what_it_lists_has_lied(void **state)
{
    (void)state;
    open_net(&ledger_infnote, 2);
    script_chain(50, 0);
    s.serves = false;
    s.says_none = true;
    puppet_joins(LIAR, VICTIM, 50);
    pass(1000);
    assert_int_equal(to_puppet(LIAR)->points, 10);
    script_end();
    close_net();
}

/* From two peers before the store has answered: neither is told of what it has. */
static void a_block_goes_to_nobody_who_sent_it(void **state)
{
    (void)state;
    open_net(&ledger_infnote, 2);
    script_chain(1, 0);
    puppet_joins(LIAR, VICTIM, 0);
    puppet_joins(LIAR - 1, VICTIM, 0);
    join(VICTIM, HONEST);
    pass(10);
    w.nodes[VICTIM].store_waits = true;
    say(LIAR, VICTIM, LEDGER_NEW_BLOCK, chain_pack_one(&s.blocks[1]));
    say(LIAR - 1, VICTIM, LEDGER_NEW_BLOCK, chain_pack_one(&s.blocks[1]));
    pass(10);
    w.nodes[VICTIM].store_waits = false;
    pass(100);
    assert_int_equal(height_of(&w.nodes[HONEST]), 1);
    assert_int_equal(s.heard.blocks, 0);
    script_end();
    close_net();
}

/* What the application sends makes a third branch the longest, below what the store is asked to tell. */
static void the_application_is_told_of_main_however_often_it_changes(void **state)
{
    struct chain_item c2, a[2], b[3];
    (void)state;
    open_net(&ledger_infnote, 2);
    script_chain(1, 0);
    s.lists = false;
    c2 = next_block(&s.blocks[1], 2000, 1);
    a[0] = next_block(&s.blocks[1], 2000, 2);
    a[1] = next_block(&a[0], 2000, 3);
    b[0] = next_block(&s.blocks[0], 2000, 4);
    b[1] = next_block(&b[0], 2000, 5);
    b[2] = next_block(&b[1], 2000, 6);
    struct chain_item b3 = next_block(&b[2], 2000, 7);
    const struct chain_item *beside[] = {&s.blocks[1], &c2, &a[0], &b[0], &b[1]};
    puppet_joins(LIAR, VICTIM, 0);
    for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++) {
        say(LIAR, VICTIM, LEDGER_NEW_BLOCK, chain_pack_one(beside[i]));
        pass(10);
    }
    struct node *n = &w.nodes[VICTIM];
    assert_int_equal(n->last_block, 2);
    n->store_waits = true;
    say(LIAR, VICTIM, LEDGER_NEW_BLOCK, chain_pack_one(&a[1]));
    pass(10);
    ops->send(n->service, w.now_ms, 1, SCOPE_FULL, PEER_NOBODY, LEDGER_BLOCK,
              parcel_new(b[2].text, b[2].size));
    ops->send(n->service, w.now_ms, 2, SCOPE_FULL, PEER_NOBODY, LEDGER_BLOCK, parcel_new(b3.text, b3.size));
    n->store_waits = false;
    pass(100);
    assert_int_equal(height_of(n), 4);
    assert_int_equal(n->service->told, 4);
    assert_int_equal(n->refusals, 1); /* the first is no longer than main: it is beside it */
    for (size_t i = 0; i < 3; i++) {
        chain_item_free(&b[i]);
    }
    chain_item_free(&a[0]);
    chain_item_free(&a[1]);
    chain_item_free(&c2);
    chain_item_free(&b3);
    script_end();
    close_net();
}

static void hold_up_the_store(uint32_t puppet)
{
    struct chain_item orphan = next_block(&s.blocks[1], 5000, 1);
    w.nodes[VICTIM].store_waits = true;
    say(puppet, VICTIM, LEDGER_BLOCKS, chain_pack_one(&orphan));
    pass(10);
    chain_item_free(&orphan);
}

/* By numbers, to a newcomer whose store is busy: that others' blocks do not continue a peer's is not its
 * fault. */
static void two_branches_from_the_genesis_are_nobodys_lie(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        open_net(&ledger_coin, 3);
        w.random = i;
        script_chain(1, 0);
        grow(HONEST, 300);
        grow(2, 300);
        puppet_joins(LIAR, VICTIM, 0);
        hold_up_the_store(LIAR);
        join(VICTIM, HONEST);
        join(VICTIM, 2);
        pass(100);
        w.nodes[VICTIM].store_waits = false;
        pass(20000);
        assert_int_equal(height_of(&w.nodes[VICTIM]), 300);
        assert_int_equal(between(VICTIM, HONEST)->points, 0);
        assert_int_equal(between(VICTIM, 2)->points, 0);
        script_end();
        close_net();
    }
}

/* --- too much --- */

/* With three transactions as large as may be. */
static struct parcel *large_orphan(uint32_t number)
{
    enum { LARGE = CHAIN_TRANSACTION_MAX - 200 };
    char *text = malloc(3 * (LARGE + 200));
    size_t size = 0;
    for (int i = 0; i < 3; i++) {
        size += (size_t)sprintf(text + size,
                                "%s{\"message\":[\"%0*u\"],\"receiver\":\"%040x\",\"sender\":\"%040x\"}",
                                i > 0 ? "," : "", LARGE, 3 * number + (uint32_t)i, 3, 4);
    }
    struct chain_item before = {.number = 7}, block;
    assert_true(chain_block_make(&before, 5000, text, size, &block));
    struct parcel *pack = chain_pack_one(&block);
    chain_item_free(&block);
    free(text);
    return pack;
}

/* However many peers send blocks that nobody asked for, a pack of them is bounded, and each has its turn. */
static void large_blocks_of_many_go_to_the_store_by_turns(void **state)
{
    enum { PUPPETS = 9, EACH = 3 };
    (void)state;
    open_net(&ledger_infnote, 2);
    script_chain(1, 0);
    s.lists = false;
    for (uint32_t i = 0; i < PUPPETS; i++) {
        puppet_joins(2 + i, VICTIM, 0);
    }
    pass(10);
    w.nodes[VICTIM].store_waits = true;
    for (uint32_t i = 0; i < PUPPETS * EACH; i++) {
        say(2 + i % PUPPETS, VICTIM, LEDGER_NEW_BLOCK, large_orphan(i));
        pass(2);
        between(VICTIM, 2 + i % PUPPETS)->is_held = false; /* all that may come does */
    }
    w.nodes[VICTIM].store_waits = false;
    uint32_t waiting = PUPPETS * EACH - 1; /* the first went at once */
    for (uint32_t i = 0; i < (PUPPETS * EACH - 1) / 2; i++) {
        assert_true(answer_one(&w.nodes[VICTIM]));
        uint32_t left = 0, most = 0, least = EACH;
        for (uint32_t j = 0; j < PUPPETS; j++) {
            uint32_t n = between(VICTIM, 2 + j)->state->blocks.n;
            left += n;
            most = n > most ? n : most;
            least = n < least ? n : least;
        }
        assert_int_equal(waiting - left, 2); /* two are more than a MiB */
        assert_in_range(most - least, 0, 1);
        waiting = left;
    }
    script_end();
    close_net();
}

/* Five that have dialed us claim more than there is, and list nothing. Whom we have dialed has his turn
 * before them. */
static void who_dials_us_and_promises_does_not_hold_up_whom_we_dial(void **state)
{
    (void)state;
    open_net(&ledger_infnote, 2);
    s = (struct script){.lists = false};
    w.comes = true;
    for (uint32_t i = LIAR - 4; i <= LIAR; i++) {
        puppet_joins(i, VICTIM, LONGEST);
    }
    pass(100);
    w.comes = false;
    grow(HONEST, 5);
    join(VICTIM, HONEST);
    pass(CATCHUP_SILENT_MS + 1000);
    assert_int_equal(height_of(&w.nodes[VICTIM]), 5);
    assert_in_range(s.lists_asked, 1, 2); /* the next has its turn once the five are there */
    s = (struct script){0};
    close_net();
}

static void ten_thousand_orphans_are_not_kept(void **state)
{
    (void)state;
    open_net(&ledger_infnote, 2);
    script_chain(0, 0);
    s.lists = false;
    struct chain_item before = next_block(&s.blocks[0], 1, 1);
    puppet_joins(LIAR, VICTIM, 0);
    for (uint32_t i = 0; i < 10000; i++) {
        struct chain_item block = next_block(&before, 5000, i);
        say(LIAR, VICTIM, LEDGER_NEW_BLOCK, chain_pack_one(&block));
        chain_item_free(&block);
        pass(i % 100 == 0 ? 1 : 0);
        assert_true(w.nodes[VICTIM].links[between(LIAR, VICTIM)->back].state->blocks.bytes < 3 * INBOX_BYTES);
    }
    join(VICTIM, HONEST);
    grow(HONEST, 5);
    pass(60000);
    assert_int_equal(height_of(&w.nodes[VICTIM]), 5);
    assert_in_range(to_puppet(LIAR)->points, 10, 20); /* it has promised a chain */
    assert_in_range(s.lists_asked, 1, 2);
    chain_item_free(&before);
    script_end();
    close_net();
}

/* While the store works, what waits of one peer is bounded; another's transaction goes with the next pack. */
static void who_floods_is_held_and_delays_nobody(void **state)
{
    enum { FLOOD = 10000 };
    (void)state;
    open_net(&ledger_infnote, 2);
    puppet_joins(LIAR, VICTIM, 0);
    join(VICTIM, HONEST);
    pass(10);
    w.nodes[VICTIM].store_waits = true;
    for (uint32_t i = 0; i < FLOOD; i++) {
        say(LIAR, VICTIM, LEDGER_TRANSACTIONS, pack_of_transaction(i));
    }
    submit(HONEST, 1000000);
    pass(100);
    const struct link *l = to_puppet(LIAR);
    assert_true(l->is_held);
    assert_in_range(l->state->transactions.n, 1, INBOX_MAX);
    assert_false(between(VICTIM, HONEST)->is_held);
    w.nodes[VICTIM].store_waits = false;
    uint32_t before = w.nodes[VICTIM].transactions;
    answer_one(&w.nodes[VICTIM]);
    answer_one(&w.nodes[VICTIM]);
    assert_in_range(w.nodes[VICTIM].transactions - before, 2, 2 * INBOX_MAX + 2);
    assert_int_equal(between(HONEST, VICTIM)->sent.transactions, 1);
    pass(5000);
    assert_false(l->is_held);
    assert_int_equal(w.nodes[VICTIM].transactions, FLOOD + 1);
    assert_int_equal(w.nodes[HONEST].transactions, FLOOD); /* all were passed on */
    assert_int_equal(l->points, 0);
    close_net();
}

static void a_transaction_that_comes_again_costs_a_point(void **state)
{
    (void)state;
    s = (struct script){0};
    open_net(&ledger_infnote, 2);
    puppet_joins(LIAR, VICTIM, 0);
    say(LIAR, VICTIM, LEDGER_TRANSACTIONS, pack_of_transaction(1));
    pass(10);
    say(LIAR, VICTIM, LEDGER_TRANSACTIONS, pack_of_transaction(1));
    pass(10);
    assert_int_equal(to_puppet(LIAR)->points, 1);
    assert_int_equal(w.nodes[VICTIM].transactions, 1);
    submit(VICTIM, 2);
    pass(10);
    say(LIAR, VICTIM, LEDGER_TRANSACTIONS, pack_of_transaction(2)); /* it may have crossed ours */
    pass(10);
    assert_int_equal(to_puppet(LIAR)->points, 1);
    assert_int_equal(s.heard.transactions, 1);
    close_net();
}

static bool refuses_odd(void *context, const char *kind, const void *bytes, size_t size)
{
    (void)context;
    return strcmp(kind, "Transaction") != 0 || !memmem(bytes, size, "[7]", 3);
}

static void a_refused_transaction_costs_ten_and_goes_nowhere(void **state)
{
    (void)state;
    open_net(&ledger_infnote, 1);
    w.valid = refuses_odd;
    start(VICTIM);
    puppet_joins(LIAR, VICTIM, 0);
    join(VICTIM, HONEST);
    say(LIAR, VICTIM, LEDGER_TRANSACTIONS, pack_of_transaction(7));
    say(LIAR, VICTIM, LEDGER_TRANSACTIONS, pack_of_transaction(8));
    pass(10);
    assert_int_equal(to_puppet(LIAR)->points, DEMERIT_TRANSACTION);
    assert_false(to_puppet(LIAR)->sent_away);
    assert_int_equal(w.nodes[VICTIM].transactions, 1);
    assert_int_equal(w.nodes[HONEST].transactions, 1);
    submit(VICTIM, 7);
    pass(10);
    assert_int_equal(w.nodes[VICTIM].refusals, 1);
    assert_string_not_equal(w.nodes[VICTIM].reply, "");
    close_net();
}

/* Straight into its store, as no peer may fill so much of it. */
static void fill_pool(struct node *n)
{
    struct chain_pack pack = {0};
    for (uint32_t i = 0; i < CHAIN_POOL_MAX; i++) {
        struct parcel *one = pack_of_transaction(5000000 + i);
        struct chain_item item;
        size_t at = 0;
        assert_true(chain_pack_next(one, &at, &item));
        chain_pack_add(&pack, &item);
        parcel_release(one);
    }
    struct store_request q = {.kind = CHAIN_ADD_TRANSACTIONS, .parcel = chain_pack_end(&pack)};
    struct store_answer a = {0};
    chain_schema.answer(n->chain, &q, &a);
    assert_int_equal(a.kind, CHAIN_ADDED);
    parcel_release(q.parcel);
    parcel_release(a.parcel);
}

/* Three blocks with a transaction each give way to four. */
static void transactions_that_find_no_room_after_a_switch_are_counted(void **state)
{
    (void)state;
    char error[160];
    open_net(&ledger_infnote, 2);
    struct node *victim = &w.nodes[VICTIM];
    grow(VICTIM, 3);
    grow(HONEST, 4);
    fill_pool(victim);
    join(VICTIM, HONEST);
    pass(5000);
    assert_true(same_chain(VICTIM, HONEST));
    assert_true(ops->command(victim->service, w.now_ms, 3, "chain", "", error, sizeof error));
    assert_non_null(strstr(victim->reply, ", 3 transactions left the chain and are lost"));
    assert_string_equal(victim->fault, "its chain is longer: 3 transactions left main and are lost");
    close_net();
}

static void a_block_that_is_not_valid_ends_its_sender(void **state)
{
    (void)state;
    for (size_t v = 0; v < 2; v++) {
        open_net(variants[v], 2);
        script_chain(1, 0);
        struct chain_item late = next_block(&s.blocks[1], 1, 1);
        puppet_joins(LIAR, VICTIM, 1);
        join(VICTIM, HONEST);
        pass(10);
        say(LIAR, VICTIM, v == 0 ? LEDGER_NEW_BLOCK : LEDGER_BLOCKS, chain_pack_one(&late));
        pass(10);
        assert_true(to_puppet(LIAR)->sent_away);
        assert_int_equal(to_puppet(LIAR)->points, DEMERIT_BLOCK - 10);
        assert_int_equal(height_of(&w.nodes[HONEST]), 1);
        chain_item_free(&late);
        script_end();
        close_net();
    }
}

/* --- asking too much --- */

static struct parcel *wanted_number(int64_t number)
{
    struct chain_wanted *wanted;
    struct parcel *p = chain_wanted_new(1, false, &wanted);
    wanted->items[0].number = number;
    return p;
}

static void who_asks_faster_than_the_store_reads_is_held(void **state)
{
    (void)state;
    open_net(&ledger_coin, 2);
    grow(VICTIM, 10);
    puppet_joins(LIAR, VICTIM, 0);
    pass(10);
    s.heard = (struct tally){0};
    w.nodes[VICTIM].store_waits = true;
    for (uint32_t i = 0; i < 1000; i++) {
        say(LIAR, VICTIM, LEDGER_GET_BLOCKS, wanted_number(1 + i % 10));
    }
    pass(10);
    assert_true(to_puppet(LIAR)->is_held);
    assert_int_equal(w.nodes[VICTIM].n_requests, 1); /* one is under way */
    w.nodes[VICTIM].store_waits = false;
    pass(1000);
    assert_int_equal(s.heard.bodies, 1000);
    assert_false(to_puppet(LIAR)->is_held);
    close_net();
}

/* Answers of the store that do not fit into one are asked for once more; what is not there is said to be so.
 */
static void all_that_is_asked_for_is_answered(void **state)
{
    enum { LARGE = 250 * 1000, BLOCKS = 20 };
    static char text[LARGE + 200];
    (void)state;
    open_net(&ledger_infnote, 2);
    s = (struct script){0};
    for (int i = 0; i < BLOCKS; i++) {
        int n =
            snprintf(text, sizeof text,
                     "{\"message\":[\"%0*d\"],\"receiver\":\"%040x\",\"sender\":\"%040x\"}", LARGE, i, 1, 2);
        ops->send(w.nodes[VICTIM].service, w.now_ms, 1, SCOPE_FULL, PEER_NOBODY, LEDGER_TRANSACTION,
                  parcel_new(text, (size_t)n));
        settle();
        make_block(VICTIM);
        settle();
    }
    join(HONEST, VICTIM);
    pass(5000);
    assert_int_equal(height_of(&w.nodes[HONEST]), BLOCKS);
    assert_int_equal(between(VICTIM, HONEST)->sent.bodies, BLOCKS);
    puppet_joins(LIAR, VICTIM, 0);
    struct chain_wanted *wanted;
    struct parcel *p = chain_wanted_new(1, true, &wanted);
    memset(&wanted->items[0].hash, 7, sizeof wanted->items[0].hash);
    say(LIAR, VICTIM, LEDGER_GET_BLOCKS, p);
    pass(10);
    assert_int_equal(s.empty, 1);
    close_net();
}

/* For one that does not read the store works no more; once it reads, it is served on. */
static void who_does_not_read_is_not_served_on(void **state)
{
    (void)state;
    open_net(&ledger_coin, 2);
    struct node *n = &w.nodes[VICTIM];
    grow(VICTIM, 3);
    puppet_joins(LIAR, VICTIM, 0);
    pass(10);
    s.heard = (struct tally){0};
    struct link *l = &n->links[between(VICTIM, LIAR) - n->links];
    l->is_behind = true;
    for (int64_t i = 0; i < 300; i++) {
        say(LIAR, VICTIM, LEDGER_GET_BLOCKS, wanted_number(1));
    }
    pass(1000);
    assert_int_equal(s.heard.bodies, 0);
    assert_int_equal(n->n_requests, 0);
    assert_true(l->is_held);
    l->is_behind = false;
    ops->relieved(n->service, w.now_ms);
    pass(1000);
    assert_true(s.heard.bodies > 0);
    assert_false(l->is_held);
    close_net();
}

static struct parcel *genesis_by_hash(void)
{
    struct chain_wanted *wanted;
    struct parcel *p = chain_wanted_new(1, true, &wanted);
    assert_true(chain_genesis_hash("LOCAL", &wanted->items[0].hash));
    return p;
}

static void who_asks_a_store_that_fails_is_told_that_there_is_nothing(void **state)
{
    (void)state;
    open_net(&ledger_infnote, 2);
    s = (struct script){0};
    puppet_joins(LIAR, VICTIM, 0);
    pass(10);
    w.nodes[VICTIM].store_waits = true;
    say(LIAR, VICTIM, LEDGER_GET_BLOCKS, genesis_by_hash());
    pass(10);
    fail_one(&w.nodes[VICTIM]);
    pass(10);
    assert_int_equal(s.empty, 1);
    close_net();
}

/* Though no answer is to come that would show that it has room again. */
static void who_asks_a_store_without_room_is_answered_later(void **state)
{
    (void)state;
    open_net(&ledger_infnote, 2);
    s = (struct script){0};
    puppet_joins(LIAR, VICTIM, 0);
    pass(10);
    w.nodes[VICTIM].store_refuses = true;
    say(LIAR, VICTIM, LEDGER_GET_BLOCKS, genesis_by_hash());
    pass(10);
    w.nodes[VICTIM].store_refuses = false;
    pass(2000);
    assert_int_equal(s.heard.bodies, 1);
    close_net();
}

/* It would fetch the same blocks again and again. The operator is told once, and once it works again. */
static void a_store_that_fails_is_tried_less_and_less(void **state)
{
    (void)state;
    open_net(&ledger_infnote, 2);
    grow(HONEST, 20);
    struct node *n = &w.nodes[VICTIM];
    n->store_waits = true;
    join(VICTIM, HONEST);
    for (int i = 0; i < 1200; i++) {
        pass(100);
        while (n->n_requests > 0) {
            if (n->requests[0].kind == CHAIN_ADD_BLOCKS) {
                fail_one(n);
            } else {
                n->store_waits = false;
                answer_one(n);
                n->store_waits = true;
            }
        }
    }
    assert_in_range(n->added, 5, 8);
    assert_int_equal(n->n_told, 1);
    assert_int_equal(between(VICTIM, HONEST)->points, 0);
    n->store_waits = false;
    pass(70000);
    grow(HONEST, 3);
    pass(1000);
    assert_true(same_chain(VICTIM, HONEST));
    assert_int_equal(n->n_told, 2);
    close_net();
}

static void ids_that_never_come_are_asked_of_the_next(void **state)
{
    (void)state;
    open_net(&ledger_coin, 2);
    puppet_joins(LIAR, VICTIM, 0);
    pass(10);
    submit(HONEST, 5);
    pass(10);
    struct parcel *pack = pack_of_transaction(5);
    struct chain_item item;
    size_t at = 0;
    chain_pack_next(pack, &at, &item);
    say(LIAR, VICTIM, LEDGER_HAVE_TRANSACTION, parcel_new(&item.id, sizeof item.id));
    pass(10);
    assert_int_equal(s.ids_asked, 1);
    join(VICTIM, HONEST);
    pass(10);
    const struct peer_ref to = {.index = between(HONEST, VICTIM)->back, .generation = 1};
    (void)to;
    /* The honest one announces it, too. */
    struct link *l = between(HONEST, VICTIM);
    on_send(&w.nodes[HONEST], (struct peer_ref){(uint32_t)(l - w.nodes[HONEST].links), l->generation},
            LEDGER_HAVE_TRANSACTION, parcel_new(&item.id, sizeof item.id));
    pass(1000);
    assert_int_equal(w.nodes[VICTIM].transactions, 0);
    pass(5000);
    assert_int_equal(w.nodes[VICTIM].transactions, 1);
    parcel_release(pack);
    close_net();
}

/* Peers that announce it and bring nothing do not crowd out the one that would. */
static void who_announces_late_is_not_forgotten_for_who_announces_later(void **state)
{
    (void)state;
    open_net(&ledger_coin, 2);
    script_chain(0, 0);
    join(VICTIM, HONEST);
    puppet_joins(LIAR, VICTIM, 0);
    puppet_joins(LIAR - 1, VICTIM, 0);
    pass(10);
    struct parcel *pack = pack_of_transaction(5);
    struct chain_item item;
    size_t at = 0;
    chain_pack_next(pack, &at, &item);
    say(LIAR, VICTIM, LEDGER_HAVE_TRANSACTION, parcel_new(&item.id, sizeof item.id));
    pass(10);
    submit(HONEST, 5);
    pass(10);
    for (int i = 0; i < 100; i++) { /* more than are remembered, of two */
        say(i % 2 ? LIAR : LIAR - 1, VICTIM, LEDGER_HAVE_TRANSACTION, parcel_new(&item.id, sizeof item.id));
    }
    pass(4000);
    assert_int_equal(w.nodes[VICTIM].transactions, 0);
    pass(2000);
    assert_int_equal(w.nodes[VICTIM].transactions, 1);
    parcel_release(pack);
    script_end();
    close_net();
}

static void ids_without_end_are_bounded(void **state)
{
    enum { IDS = 20000 };
    (void)state;
    open_net(&ledger_coin, 2);
    s = (struct script){0};
    puppet_joins(LIAR, VICTIM, 0);
    pass(10);
    for (uint32_t i = 0; i < IDS; i++) {
        struct chain_hash id = {.bytes = {(uint8_t)i, (uint8_t)(i >> 8), 1}};
        say(LIAR, VICTIM, LEDGER_HAVE_TRANSACTION, parcel_new(&id, sizeof id));
    }
    pass(1000);
    assert_int_equal(s.ids_asked, 1024);
    join(VICTIM, HONEST);
    submit(HONEST, 1);
    pass(1000);
    assert_int_equal(w.nodes[VICTIM].transactions, 1);
    close_net();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_longer_chain_that_is_not_valid_is_left),
        cmocka_unit_test(who_promises_and_brings_nothing_is_blamed_and_ends),
        cmocka_unit_test(hashes_that_nobody_has_are_the_listers_fault),
        cmocka_unit_test(a_list_of_blocks_that_do_not_continue_each_other_is_a_lie),
        cmocka_unit_test(another_genesis_ends_nothing_but_what_it_lists),
        cmocka_unit_test(a_lister_that_has_not_what_it_lists_has_lied),
        cmocka_unit_test(a_block_goes_to_nobody_who_sent_it),
        cmocka_unit_test(the_application_is_told_of_main_however_often_it_changes),
        cmocka_unit_test(two_branches_from_the_genesis_are_nobodys_lie),
        cmocka_unit_test(large_blocks_of_many_go_to_the_store_by_turns),
        cmocka_unit_test(who_dials_us_and_promises_does_not_hold_up_whom_we_dial),
        cmocka_unit_test(ten_thousand_orphans_are_not_kept),
        cmocka_unit_test(who_floods_is_held_and_delays_nobody),
        promise_test("I19", a_transaction_that_comes_again_costs_a_point),
        cmocka_unit_test(a_refused_transaction_costs_ten_and_goes_nowhere),
        cmocka_unit_test(transactions_that_find_no_room_after_a_switch_are_counted),
        cmocka_unit_test(a_block_that_is_not_valid_ends_its_sender),
        cmocka_unit_test(who_asks_faster_than_the_store_reads_is_held),
        cmocka_unit_test(all_that_is_asked_for_is_answered),
        cmocka_unit_test(who_does_not_read_is_not_served_on),
        cmocka_unit_test(who_asks_a_store_that_fails_is_told_that_there_is_nothing),
        cmocka_unit_test(who_asks_a_store_without_room_is_answered_later),
        cmocka_unit_test(a_store_that_fails_is_tried_less_and_less),
        cmocka_unit_test(ids_that_never_come_are_asked_of_the_next),
        cmocka_unit_test(who_announces_late_is_not_forgotten_for_who_announces_later),
        cmocka_unit_test(ids_without_end_are_bounded),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
