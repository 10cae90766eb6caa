// The C++ types: they close themselves, fit the locks of the standard library, throw byname::error.
#include "check.h"

#include <byname.hpp>

#include <condition_variable>
#include <limits>
#include <mutex>
#include <thread>
#include <type_traits>

using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<byname::mutex> && std::is_nothrow_move_constructible_v<byname::mutex>, "move-only");
static_assert(!std::is_copy_assignable_v<byname::event> && std::is_nothrow_move_assignable_v<byname::event>, "move-only");
static_assert(!std::is_copy_constructible_v<byname::semaphore> && std::is_nothrow_move_assignable_v<byname::semaphore>, "move-only");
static_assert(!std::is_copy_constructible_v<byname::timer> && std::is_nothrow_move_assignable_v<byname::timer>, "move-only");
static_assert(std::is_nothrow_destructible_v<byname::mutex> && noexcept(std::declval<const byname::mutex &>().handle()), "neither throws");
static_assert(noexcept(std::declval<const byname::error &>().win32()), "an error in the hand throws no other");
static_assert(std::is_base_of_v<std::exception, byname::error>, "a standard exception");

// Whether the call throws an error of this kind and number.
template <class Call>
static bool throws(byname_status status, std::uint32_t win32, Call call) {
    try {
        call();
    } catch (const byname::error &e) {
        if (e.status() == status && e.win32() == win32 && e.what()[0] != '\0') return true;
        std::fprintf(stderr, "    threw %s (%u): %s\n", e.name(), e.win32(), e.what());
        return false;
    }
    std::fprintf(stderr, "    nothing was thrown\n");
    return false;
}

// What a thread of its own answers.
template <class Call>
static auto in_thread(Call call) {
    decltype(call()) answer{};
    std::thread([&] { answer = call(); }).join();
    return answer;
}

static void standard_locks() {
    byname::mutex a("a"), b("b");
    {
        std::scoped_lock both(a, b);
        CHECK(!in_thread([&] { return a.try_lock() || b.try_lock(); }));
    }
    {
        std::unique_lock lock(a, std::defer_lock);
        CHECK(lock.try_lock());
        lock.unlock();
        CHECK(lock.try_lock_for(1s));
        lock.unlock();
        CHECK(lock.try_lock_until(std::chrono::steady_clock::now() + 1s));
        CHECK(!in_thread([&] { return a.try_lock_for(10ms); }));
        CHECK(!in_thread([&] { return a.try_lock_until(std::chrono::system_clock::now() - 1h); }));
    }
    {
        std::lock_guard lock(a);
        CHECK(a.held().fence > 0 && !a.held().abandoned);
        CHECK(a.current_owner()->pid == static_cast<std::uint32_t>(getpid()));
    }
    CHECK(!a.current_owner());
    CHECK(throws(BYNAME_ERR_NOT_OWNER, 288, [&] { a.unlock(); }));
    CHECK(throws(BYNAME_ERR_NOT_OWNER, 288, [&] { a.held(); }));
}

// Two threads that take two mutexes in opposite orders.
static void locks_of_two_do_not_deadlock() {
    byname::mutex a("one"), b("two");
    auto worker = [](byname::mutex &first, byname::mutex &second, int &count) {
        for (int i = 0; i < 500; i++) {
            if (i % 2) {
                std::scoped_lock both(first, second);
                count++;
            } else {
                std::unique_lock one(first, std::defer_lock), other(second, std::defer_lock);
                std::lock(one, other);
                count++;
            }
        }
    };
    int count = 0; // both mutexes guard it
    std::thread there(worker, std::ref(a), std::ref(b), std::ref(count));
    worker(b, a, count);
    there.join();
    CHECK(count == 1000);
    CHECK(!a.current_owner() && !b.current_owner());
}

static void locks_move_and_let_go_on_exceptions() {
    byname::mutex m;
    std::unique_lock<byname::mutex> outer;
    {
        std::unique_lock inner(m);
        outer = std::move(inner);
        CHECK(!inner.owns_lock()); // NOLINT: moved from
    }
    CHECK(outer.owns_lock() && m.current_owner());
    outer.unlock();
    try {
        std::lock_guard lock(m);
        throw std::runtime_error("inside");
    } catch (const std::runtime_error &) {
    }
    CHECK(!m.current_owner());
    CHECK(in_thread([&] { return m.lock_for(0s).has_value() && (m.unlock(), true); }));
    CHECK(!m.lock().abandoned);
    m.unlock();
}

static void a_condition_variable_takes_it() {
    byname::mutex m;
    std::condition_variable_any changed;
    int turn = 0;
    std::thread other([&] {
        for (int i = 0; i < 100; i++) {
            std::unique_lock lock(m);
            changed.wait(lock, [&] { return turn % 2 == 1; });
            turn++;
            changed.notify_one();
        }
    });
    for (int i = 0; i < 100; i++) {
        std::unique_lock lock(m);
        changed.wait(lock, [&] { return turn % 2 == 0; });
        turn++;
        changed.notify_one();
    }
    other.join();
    std::unique_lock lock(m);
    CHECK(turn == 200);
    CHECK(!changed.wait_for(lock, 1ms, [] { return false; }) && m.current_owner());
}

static void abandonment_is_news() {
    byname::mutex m;
    std::thread([&] { m.lock(); }).join();
    const byname::grant first = m.lock();
    CHECK(first.abandoned);
    m.unlock();
    const auto second = m.lock_for(1s);
    CHECK(second && !second->abandoned && second->fence > first.fence);
    CHECK(!in_thread([&] { return m.lock_for(0s); }));
    m.unlock();
}

static void objects_close_themselves_once() {
    {
        byname::event outer("closes", byname::reset_mode::automatic);
        byname::event moved(std::move(outer));
        CHECK(moved.created() && moved.name() == "closes");
        CHECK(throws(BYNAME_ERR_CLOSED, 6, [&] { outer.set(); })); // NOLINT: moved from
        byname::event other("other", byname::reset_mode::automatic);
        other = std::move(moved);
        CHECK(other.name() == "closes");
        CHECK(throws(BYNAME_ERR_NOT_FOUND, 2, [] { byname::event::open("other"); }));
        other.close();
        CHECK(throws(BYNAME_ERR_CLOSED, 6, [&] { other.close(); }));
    }
    CHECK(throws(BYNAME_ERR_NOT_FOUND, 2, [] { byname::event::open("closes"); }));
}

static void events() {
    byname::event manual(byname::reset_mode::manual), automatic("automatic", byname::reset_mode::automatic, true);
    auto again = byname::event::open("automatic");
    CHECK(!again.created() && again.is_set());
    again.wait();
    CHECK(!automatic.wait_for(0s) && !automatic.wait_for(5ms));
    manual.set();
    manual.wait();
    CHECK(manual.wait_for(byname::forever) && manual.is_set());
    manual.reset();
    manual.set();
    manual.pulse();
    CHECK(!manual.is_set());
    byname_event_options options = BYNAME_EVENT_OPTIONS_INIT;
    options.access = BYNAME_ACCESS_SYNCHRONIZE;
    byname::event weak("weak", options);
    CHECK(throws(BYNAME_ERR_ACCESS_DENIED, 5, [&] { weak.set(); }));
}

// A program that sleeps, without anything of this one.
static pid_t sleeping() {
    const pid_t child = fork();
    if (child == 0) {
        execlp("sleep", "sleep", "1000", static_cast<char *>(nullptr));
        _exit(127);
    }
    return child;
}

static void processes_and_jobs() {
    const pid_t child = sleeping();
    auto process = byname::process::open(child);
    CHECK(process.pid() == static_cast<std::uint32_t>(child) && !process.exit_code() && !process.wait_for(0ns));
    process.terminate(77);
    process.wait();
    CHECK(process.exit_code() == 77u);
    waitpid(child, nullptr, 0);
    CHECK(throws(BYNAME_ERR_INVALID_ARGUMENT, 87, [] { (void)byname::process::open(0); }));
    try {
        byname::job job("a job", true);
        const pid_t member = sleeping();
        byname::job::open("a job").assign(member);
        CHECK(job.pids() == std::vector<std::uint32_t>{static_cast<std::uint32_t>(member)} && job.limits().kill_on_close == 1);
        CHECK(job.accounting().total_processes == 1 && !job.wait_for(0ns));
        byname::job_notifications told(job);
        byname::event stop(byname::reset_mode::automatic);
        CHECK(byname::wait_any({stop, told})->index == 1);
        const byname::job_notification present = told.next();
        CHECK(present.message == byname::job_message::new_process && present.pid == static_cast<std::uint32_t>(member));
        CHECK(!told.next_for(1ms) && throws(BYNAME_ERR_INVALID_ARGUMENT, 87, [&] { byname::job_notifications twice(job); }));
        job.terminate(5);
        CHECK(told.next().message == byname::job_message::exit_process && told.next().message == byname::job_message::active_process_zero);
        job.wait();
        waitpid(member, nullptr, 0);
        CHECK(throws(BYNAME_ERR_INVALID_ARGUMENT, 87, [&] { job.limit({0, 0, 1}); }));
    } catch (const byname::error &e) {
        CHECK(e.status() == BYNAME_ERR_UNSUPPORTED);
    }
}

static void timers() {
    byname::timer manual(byname::reset_mode::manual), beat("beat", byname::reset_mode::automatic);
    auto again = byname::timer::open("beat");
    CHECK(!again.created() && !again.remaining());
    beat.set(2ms, 3ms);
    again.wait();
    CHECK(again.wait_for(1h));
    again.cancel();
    CHECK(!beat.remaining());
    manual.set(1h);
    CHECK(!manual.wait_for(0ns) && *manual.remaining() <= 1h);
    manual.set_at(std::chrono::system_clock::now() + 2ms);
    manual.wait();
    CHECK(manual.wait_for(0ns));
    CHECK(throws(BYNAME_ERR_INVALID_ARGUMENT, 87, [&] { manual.set(-1ms); }));
    CHECK(throws(BYNAME_ERR_INVALID_ARGUMENT, 87, [&] { manual.set(byname::forever); }));
    CHECK(throws(BYNAME_ERR_INVALID_ARGUMENT, 87, [&] { manual.set(1ms, 1000h); }));
    CHECK(manual.wait_for(0ns)); // nothing changed
    manual.set(0ns);
    CHECK(byname::wait_any({beat, manual})->index == 1);
    byname_timer_options options = BYNAME_TIMER_OPTIONS_INIT;
    options.access = BYNAME_ACCESS_SYNCHRONIZE;
    byname::timer weak("weak timer", options);
    CHECK(throws(BYNAME_ERR_ACCESS_DENIED, 5, [&] { weak.set(1ms); }));
}

static void watchdogs() {
    byname::watchdog dog("dog", 2ms, 1h, byname::action::kill);
    CHECK(dog.state().stage == BYNAME_WATCHDOG_STAGE_STOPPED);
    dog.start();
    dog.wait();
    CHECK(byname::watchdog::open("dog").wait_for(0ns));
    dog.stop();
    CHECK(!dog.wait_for(0ns));
    dog.notify_systemd(true);
    dog.refresh();
    CHECK(throws(BYNAME_ERR_INVALID_ARGUMENT, 87, [] { byname::watchdog("no", 0ns, 0ns, byname::action::none); }));
    CHECK(throws(BYNAME_ERR_INVALID_ARGUMENT, 87, [] { byname::watchdog("no", byname::forever, 0ns, byname::action::none); }));
}

static void semaphores() {
    byname::semaphore s("units", 1, 3);
    CHECK(s.release(2) == 1 && s.available() == 3);
    CHECK(throws(BYNAME_ERR_TOO_MANY_POSTS, 298, [&] { s.release(); }));
    s.acquire();
    CHECK(s.try_acquire() && s.acquire_for(1s) && !s.try_acquire() && !s.acquire_for(1ms));
    CHECK(throws(BYNAME_ERR_INVALID_ARGUMENT, 87, [] { byname::semaphore(2, 1); }));
    CHECK(byname::semaphore::open("units").available() == 0);
}

static void mappings() {
    byname::mapping made("pages", 65536 * 2);
    byname::view whole = made.map(BYNAME_ACCESS_MAP_WRITE);
    CHECK(whole.size() == 65536 * 2 && made.look().size == whole.size());
    static_cast<char *>(whole.data())[65536] = 'x';
    {
        auto again = byname::mapping::open("pages");
        byname::view half = again.map(BYNAME_ACCESS_MAP_READ, 65536);
        byname::view moved(std::move(half));
        CHECK(half.data() == nullptr && moved.size() == 65536); // NOLINT: moved from
        CHECK(*static_cast<char *>(moved.data()) == 'x');
        again.publish();
    }
    CHECK(made.look().version == 1);
    made.close();
    static_cast<char *>(whole.data())[0] = 'y';
    whole.flush();
    CHECK(throws(BYNAME_ERR_NOT_FOUND, 2, [] { byname::mapping::open("pages"); }));
    CHECK(throws(BYNAME_ERR_INVALID_ARGUMENT, 87, [] { byname::mapping(0); }));
    byname::mapping small(1);
    CHECK(throws(BYNAME_ERR_MISALIGNED, 1132, [&] { return small.map(BYNAME_ACCESS_MAP_READ, 5).size(); }));
    CHECK(throws(BYNAME_ERR_WRONG_KIND, 6, [&] { return byname::wait_any({small}, 0s); }));
}

static void queues() {
    byname::queue reader("frames", 1, 100000), writer = reader.open_end(byname::queue_end::write);
    CHECK(reader.created() && !byname::queue::open("frames").created() && writer.info().max_size == 100000);
    writer.send("one", 3);
    CHECK(!writer.send_for(1ms, "two", 3) && writer.send_for(0s, "stop", 4, true));
    CHECK(byname::wait_any({writer, reader}, 0s)->index == 1);
    CHECK(reader.recv() == "stop" && *reader.recv_for(1s) == "one" && !reader.recv_for(0s));
    {
        auto frame = writer.reserve(100000);
        memset(frame.data(), 'x', frame.size());
        CHECK(throws(BYNAME_ERR_INVALID_ARGUMENT, 87, [&] { frame.commit(100001); }) && frame.size() == 100000);
        CHECK(!writer.reserve_for(0s, 1) && !reader.take_for(1ms));
        auto moved = std::move(frame);
        CHECK(!frame.data()); // NOLINT: moved from
        moved.commit(70000);
        CHECK(!moved.data() && throws(BYNAME_ERR_CLOSED, 6, [&] { moved.commit(1); }));
    }
    {
        auto message = reader.take();
        CHECK(message.size() == 70000 && static_cast<char *>(message.data())[69999] == 'x' && !message.alert());
        CHECK(!writer.send_for(0s, "x", 1)); // its place is in use
    }
    try {
        auto room = writer.reserve(1);
        throw 1;
    } catch (int) {
    }
    writer.reserve(1, true).release();
    CHECK(!reader.recv_for(0s) && writer.send_for(0s, "x", 1)); // nothing was sent, and the room is free
    CHECK(throws(BYNAME_ERR_MESSAGE_TOO_LONG, 122, [&] { (void)writer.reserve(100001); }));
    CHECK(throws(BYNAME_ERR_WRONG_KIND, 6, [&] { (void)reader.reserve(1); }));
    CHECK(throws(BYNAME_ERR_WRONG_KIND, 6, [&] { (void)writer.take(); }));
    CHECK(throws(BYNAME_ERR_INVALID_ARGUMENT, 87, [] { byname::queue(1, 0); }));
}

static void waits() {
    byname::event stop(byname::reset_mode::manual), work(byname::reset_mode::automatic);
    byname::mutex m;
    CHECK(!byname::wait_any({stop, work}, 5ms));
    work.set();
    const auto won = byname::wait_any({stop, work, m});
    CHECK(won && won->index == 1 && !won->abandoned);
    std::vector<byname::waitable> all{work, m};
    CHECK(!byname::wait_all(all, 0s));
    work.set();
    CHECK(byname::wait_all(all)->index == -1);
    m.unlock();
    CHECK(byname::wait_any(all)->index == 1);
    CHECK(!byname::signal_and_wait(m, work, 1ms));
    CHECK(byname::signal_and_wait(work, work)->fence == 0);
    CHECK(throws(BYNAME_ERR_INVALID_ARGUMENT, 87, [] { return byname::wait_any({}); }));
}

static void names_are_whole() {
    const std::string with_nul("a\0b", 3);
    CHECK(throws(BYNAME_ERR_INVALID_NAME, 123, [&] { byname::mutex{with_nul}; }));
    CHECK(throws(BYNAME_ERR_INVALID_NAME, 123, [&] { byname::semaphore::open(with_nul); }));
    CHECK(throws(BYNAME_ERR_INVALID_NAME, 123, [] { byname::mutex("\xff"); }));
    CHECK(throws(BYNAME_ERR_NAME_TOO_LONG, 206, [] { byname::mutex(std::string(261, 'x')); }));
    const std::string longest(260, 'x');
    CHECK(byname::mutex(longest).name() == longest);
    CHECK(byname::mutex().name().empty());
}

static void durations() {
    using byname::timeout;
    CHECK(timeout().count() == BYNAME_INFINITE && byname::forever.count() == BYNAME_INFINITE);
    CHECK(timeout(2ms).count() == 2000000);
    CHECK(timeout(std::chrono::duration<double>(0.5)).count() == 500000000);
    CHECK(timeout(std::chrono::duration<double, std::pico>(1)).count() == 1);
    CHECK(timeout(std::chrono::duration<long, std::pico>(1001)).count() == 2);
    CHECK(timeout(std::chrono::hours::max()).count() == BYNAME_INFINITE);
    CHECK(timeout(std::chrono::nanoseconds::max()).count() == BYNAME_INFINITE);
    CHECK(timeout(std::chrono::duration<double>(std::numeric_limits<double>::infinity())).count() == BYNAME_INFINITE);
    CHECK(timeout::until(std::chrono::steady_clock::now() - 1h).count() == 0);
    CHECK(throws(BYNAME_ERR_INVALID_ARGUMENT, 87, [] { timeout{-1ns}; }));
    CHECK(throws(BYNAME_ERR_INVALID_ARGUMENT, 87, [] { timeout{std::chrono::hours::min()}; }));
    CHECK(throws(BYNAME_ERR_INVALID_ARGUMENT, 87, [] {
        timeout{std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())};
    }));
}

TESTS(T(standard_locks), T(locks_of_two_do_not_deadlock), T(locks_move_and_let_go_on_exceptions), T(a_condition_variable_takes_it),
      T(abandonment_is_news), T(objects_close_themselves_once), T(events), T(timers), T(watchdogs), T(processes_and_jobs), T(semaphores),
      T(mappings), T(queues), T(waits),
      T(names_are_whole), T(durations))
