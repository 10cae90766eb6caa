/* The operations of the C worker on queues, timers, the board, jobs; and the life of a dog. soak.c includes it; ledger.py says what is written where. */

enum { QUEUES = 3, TIMERS = 2, BOARD = 16384, LETTER_HEAD = 32, LONGEST = 70000 };
enum { MORE_COUNTS = 40, SENDING = 48, RECEIVING = 51, TICKS = 52, CHANGING = 54, JOB_CHILD = 55, REFRESHED_AT = 56 };
enum deed { SENT, RECEIVED, IN_PLACE, TICK, CHANGED, READ_WHOLE, JOB, REFRESHED };
enum { CHILD = 2 };

static const size_t longest[QUEUES] = {256, 9000, LONGEST};
static byname_handle writers[QUEUES], readers[QUEUES], timers[TIMERS], board;
static unsigned char *board_bytes;
static bool has_jobs;
static const char *ledger_path;

/* What a lane has in its hand. */
struct hand {
    int record;
    bool holds;
    byname_queue_message held;
    unsigned char letter[LONGEST], buffer[LONGEST];
};

static void count_deed(struct lane *lane, enum deed what) {
    lane->at[MORE_COUNTS + what]++;
    lane->at[OPERATIONS]++;
}

static uint64_t writer_of(struct lane *lane) { return (uint64_t)slot << 40 | (uint64_t)lane->number << 32 | seed; }

static void open_more(void) {
    byname_queue_options end = BYNAME_QUEUE_OPTIONS_INIT;
    byname_handle job;
    size_t mapped;
    void *address;
    char name[8];
    for (int i = 0; i < QUEUES; i++) {
        snprintf(name, sizeof name, "q%d", i);
        end.end = BYNAME_QUEUE_READ;
        must(byname_queue_open(name, &end, &readers[i]), "open of a queue", i);
        must(byname_queue_open_end(readers[i], BYNAME_QUEUE_WRITE, &writers[i]), "open of an end", i);
    }
    for (int i = 0; i < TIMERS; i++) timers[i] = opened(byname_timer_open, 't', i);
    must(byname_mapping_open("board", NULL, &board), "open of the board", 0);
    must(byname_mapping_map(board, BYNAME_ACCESS_MAP_WRITE, 0, 0, NULL, &address, &mapped), "map", 0);
    board_bytes = address;
    byname_status status = byname_job_create(NULL, NULL, &job);
    has_jobs = status != BYNAME_ERR_UNSUPPORTED;
    if (has_jobs) {
        must(status, "a job", 0);
        must(byname_handle_close(job), "close of a job", 0);
    }
}

static struct hand *new_hand(int number) {
    char path[1000];
    struct hand *hand = calloc(1, sizeof *hand);
    snprintf(path, sizeof path, "%s.record-%d-%d", ledger_path, slot, number);
    if (hand) hand->record = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (!hand || hand->record < 0) fault("no record");
    return hand;
}

static void let_go(struct lane *lane) {
    if (lane->hand->holds) must(byname_queue_release(&lane->hand->held), "release of a letter", 0);
    lane->hand->holds = false;
}

/* Some wait without an end: while everybody comes to rest the conductor sends, and makes room. */
static int64_t limit_of(struct lane *lane) {
    int64_t limit = patience(lane);
    bool forever = dice(lane, 8) == 0;
    return forever && !(lane->at[HELD] & ROBUST_ONES) && !lane->hand->holds ? BYNAME_INFINITE : limit;
}

static void pattern(uint64_t n, unsigned char *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) bytes[i] = (unsigned char)(n + i);
}

static void write_letter(unsigned char *letter, uint64_t writer, uint64_t n, uint32_t q, uint32_t len) {
    uint32_t words[4] = {q, len, mix((uint32_t)writer ^ q, (uint32_t)n, len), 0};
    memcpy(letter, &writer, 8);
    memcpy(letter + 8, &n, 8);
    memcpy(letter + 16, words, 16);
    pattern(n, letter + LETTER_HEAD, len - LETTER_HEAD);
}

static void send_one(struct lane *lane) {
    uint32_t q = dice(lane, QUEUES);
    bool in_place = dice(lane, 3) == 0, sent = false;
    int64_t limit = limit_of(lane);
    uint32_t choice = dice(lane, 16) % 7 / 3, rest = (uint32_t)longest[q] - LETTER_HEAD, some = dice(lane, 100);
    uint32_t len = LETTER_HEAD + (choice == 0 ? 0 : choice == 1 ? some : rest);
    uint64_t n = lane->at[SENDING + q] / 2 + 1;
    unsigned char *letter = lane->hand->letter;
    write_letter(letter, writer_of(lane), n, q, len);
    lane->at[SENDING + q] = 2 * n - 1;
    if (!in_place) sent = must(byname_queue_send(writers[q], letter, len, limit, 0), "send", (int)q) == BYNAME_OK;
    else {
        byname_queue_message frame;
        size_t room = len + dice(lane, 5);
        if (room > longest[q]) room = longest[q];
        if (must(byname_queue_reserve(writers[q], room, limit, 0, &frame), "reserve", (int)q) == BYNAME_OK) {
            memcpy(frame.data, letter, len);
            sent = dice(lane, 16) != 0;
            must(sent ? byname_queue_commit(&frame, len) : byname_queue_release(&frame), "commit", (int)q);
        }
    }
    lane->at[SENDING + q] = sent ? 2 * n : 2 * n - 2;
    if (sent) count_deed(lane, in_place ? IN_PLACE : SENT);
    else count(lane, TIMED_OUT);
}

/* A letter is whole, and is entered in the record. */
static void enter_letter(struct lane *lane, const unsigned char *letter, size_t len, uint32_t q) {
    uint64_t record[4] = {0, 0, q, writer_of(lane)};
    bool whole = len >= LETTER_HEAD;
    if (whole) {
        memcpy(record, letter, 16);
        write_letter(lane->hand->letter, record[0], record[1], q, (uint32_t)len);
        whole = memcmp(letter, lane->hand->letter, len) == 0;
    }
    if (!whole) fault("a letter of %zu bytes in queue %d is not whole", len, (int)q);
    if (write(lane->hand->record, record, sizeof record) != sizeof record) fault("no room in the record");
}

static void receive_one(struct lane *lane) {
    uint32_t q = dice(lane, QUEUES);
    bool in_place = dice(lane, 3) == 0;
    int64_t limit = limit_of(lane);
    struct hand *hand = lane->hand;
    byname_queue_message letter;
    byname_status status;
    size_t len;
    lane->at[RECEIVING] = q + 1;
    if (in_place) {
        status = must(byname_queue_take(readers[q], limit, &letter), "take", (int)q);
        if (status == BYNAME_OK) enter_letter(lane, letter.data, letter.size, q);
    } else {
        status = must(byname_queue_recv(readers[q], hand->buffer, LONGEST, limit, &len, NULL), "receive", (int)q);
        if (status == BYNAME_OK) enter_letter(lane, hand->buffer, len, q);
    }
    lane->at[RECEIVING] = 0;
    if (status != BYNAME_OK) return count(lane, TIMED_OUT);
    count_deed(lane, in_place ? IN_PLACE : RECEIVED);
    if (!in_place) return;
    let_go(lane);
    hand->held = letter;
    hand->holds = true;
    if (dice(lane, 4)) let_go(lane);
}

static void tick(struct lane *lane) {
    uint32_t i = dice(lane, TIMERS + 1);
    int64_t limit = patience(lane);
    if (i < TIMERS) {
        if (must(byname_timer_wait(timers[i], limit), "wait for a timer", (int)i) == BYNAME_OK) lane->at[TICKS + i]++;
    } else {
        byname_handle timer;
        must(byname_timer_create(NULL, NULL, &timer), "a timer", 0);
        int64_t began = now();
        must(byname_timer_set(timer, limit, 0), "set of a timer", 0);
        must(byname_timer_wait(timer, BYNAME_INFINITE), "wait for a timer", 0);
        if (now() - began < limit) fault("a timer of %" PRId64 " ns came after %" PRId64, limit, now() - began);
        must(byname_handle_close(timer), "close of a timer", 0);
    }
    count_deed(lane, TICK);
}

static void write_board(unsigned char *bytes, uint64_t version) {
    memset(bytes, 0, BOARD);
    if (version == 0) return;
    memcpy(bytes, &version, 8);
    pattern(version, bytes + 8, BOARD - 8);
}

static void change(struct lane *lane) {
    byname_mapping_state state;
    bool abandoned;
    lane->at[CHANGING] = 1;
    byname_status status = byname_mapping_begin_change(board, &abandoned);
    if (status == BYNAME_ERR_NOT_OWNER) count(lane, TIMED_OUT); /* somebody else is at it */
    else {
        must(status, "change", 0);
        must(byname_mapping_look(board, &state), "look", 0);
        write_board(board_bytes, state.version + 1);
        must(byname_mapping_end_change(board), "end of a change", 0);
        count_deed(lane, CHANGED);
    }
    lane->at[CHANGING] = 0;
}

static void look(struct lane *lane) {
    uint64_t version;
    struct hand *hand = lane->hand;
    byname_status status = byname_mapping_read_whole(board, board_bytes, hand->buffer, BOARD, limit_of(lane), &version);
    if (status != BYNAME_ERR_DISCONNECTED && must(status, "read", 0) == BYNAME_OK) { /* a writer may have died in the middle */
        write_board(hand->letter, version);
        if (memcmp(hand->letter, hand->buffer, BOARD)) fault("the board is torn at version %" PRIu64, version);
    }
    count_deed(lane, READ_WHOLE);
}

/* A process in a job, seen as a process, and ended by the job's end, in this way or that. */
static void job_of_one(struct lane *lane) {
    byname_job_options options = BYNAME_JOB_OPTIONS_INIT;
    byname_handle job, process;
    uint32_t pids[4] = {0}, code = 0;
    size_t members;
    bool running;
    options.kill_on_close = 1;
    must(byname_job_create(NULL, &options, &job), "a job", 0);
    int ready[2];
    pid_t child;
    /* It goes on when it is in the job; when its parent is gone before that, it goes, too. (A fork alone would hold the job itself.) */
    char *const words[] = {"sh", "-c", "read word && exec sleep 1000", NULL};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    if (pipe2(ready, O_CLOEXEC)) fault("no pipe");
    posix_spawn_file_actions_adddup2(&files, ready[0], 0);
    if (posix_spawnp(&child, "sh", &files, NULL, words, environ)) fault("no process");
    posix_spawn_file_actions_destroy(&files);
    close(ready[0]);
    lane->at[JOB_CHILD] = (uint64_t)child;
    must(byname_job_assign(job, child), "assign", 0);
    if (write(ready[1], "\n", 1) != 1) fault("the child has gone");
    close(ready[1]);
    must(byname_process_open(child, NULL, &process), "open of a process", 0);
    must(byname_job_pids(job, pids, 4, &members), "pids", 0);
    if (members != 1 || pids[0] != (uint32_t)child || must(byname_wait(process, 0, NULL), "wait for a process", 0) != BYNAME_TIMED_OUT)
        fault("a job of %d has %zu, of them %u", (int)child, members, pids[0]);
    if (dice(lane, 2)) {
        must(byname_job_terminate(job, 77), "terminate", 0);
        must(byname_wait(process, BYNAME_INFINITE, NULL), "wait for a process", 0);
        must(byname_process_exit_code(process, &running, &code), "exit code", 0);
        must(byname_job_pids(job, pids, 4, &members), "pids", 0);
        if (running || code != 77 || members || must(byname_wait(job, 0, NULL), "wait for a job", 0) != BYNAME_OK)
            fault("a job that was terminated has %zu, and its process told %u", members, code);
        must(byname_handle_close(job), "close of a job", 0);
    } else {
        must(byname_handle_close(job), "close of a job", 0);
        must(byname_wait(process, BYNAME_INFINITE, NULL), "wait for a process", 0);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) fault("a process of a job ended with status %x", status);
    lane->at[JOB_CHILD] = 0;
    must(byname_handle_close(process), "close of a process", 0);
    count_deed(lane, JOB);
}

static void operate_more(struct lane *lane) {
    uint32_t what = dice(lane, 128);
    bool is_child = lane->number == CHILD; /* whose place is another child's next time */
    if (what < 56 && !is_child) send_one(lane);
    else if (what < 114) receive_one(lane);
    else if (what < 118) tick(lane);
    else if (what < 122) change(lane);
    else if (what < 127 || !has_jobs || is_child) look(lane);
    else job_of_one(lane);
}

/* Refreshes in time, unless somebody stops it. */
static int live_as_dog(void) {
    word *at = ledger + LANES + slot * LANES_OF_A_WORKER * LANE;
    byname_watchdog_options options = BYNAME_WATCHDOG_OPTIONS_INIT;
    byname_handle dog;
    options.period_ns = 300000000;
    options.grace_ns = 100000000;
    options.action = BYNAME_ACTION_KILL;
    must(byname_watchdog_create(NULL, &options, &dog), "a watchdog", 0);
    int64_t before = now();
    must(byname_watchdog_start(dog), "start", 0);
    while (ledger[PHASE] != END) {
        at[REFRESHED_AT] = (uint64_t)before;
        at[OPERATIONS]++;
        at[MORE_COUNTS + REFRESHED]++;
        usleep(10000);
        before = now();
        must(byname_watchdog_refresh(dog), "refresh", 0);
    }
    must(byname_watchdog_stop(dog), "stop", 0);
    return 0;
}
