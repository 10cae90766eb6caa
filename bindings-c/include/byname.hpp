/*
 * byname for C++17: types that close themselves, over byname.h.
 *
 * ```cpp
 * byname::mutex ledger("ledger");
 * std::scoped_lock lock(ledger);
 * if (ledger.held().abandoned) std::cout << "the previous owner died in here: repair first\n";
 * ```
 *
 * Everything here is inline and calls byname.h once; what a call means is documented there. Errors are thrown as
 * byname::error; a time-out is a value (false, or an empty optional) and never thrown.
 *
 * Time-outs are any std::chrono duration. A part of a nanosecond rounds up; what is too long for the clock waits for
 * ever, as does byname::forever; a negative duration is BYNAME_ERR_INVALID_ARGUMENT. A point of time that is past polls.
 */
#ifndef BYNAME_HPP
#define BYNAME_HPP

#include "byname.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace byname {

/**
 * A call that failed: what() says what and what to do about it.
 *
 * ```cpp
 * try {
 *     byname::mutex::open("nobody made this");
 * } catch (const byname::error &e) {
 *     if (e.status() != BYNAME_ERR_NOT_FOUND) throw;
 *     std::cout << e.what() << '\n';
 * }
 * ```
 */
class error : public std::runtime_error {
public:
    error(byname_status status, std::uint32_t win32, int os_errno, const std::string &message)
        : std::runtime_error(message), status_(status), win32_(win32), errno_(os_errno) {}

    /** The kind of failure, a BYNAME_ERR_ constant: what a caller does differently. */
    byname_status status() const noexcept { return status_; }
    /** The constant's name. */
    const char *name() const noexcept { return byname_status_name(status_); }
    /** The exact Win32 error number. */
    std::uint32_t win32() const noexcept { return win32_; }
    /** The errno of the system call that failed, 0 where none did. */
    int os_errno() const noexcept { return errno_; }

private:
    byname_status status_;
    std::uint32_t win32_;
    int errno_;
};

/** Throws the calling thread's last error if `status` is one; gives it back otherwise. */
inline byname_status check(byname_status status) {
    if (BYNAME_FAILED(status))
        throw error(status, byname_last_error_win32(), byname_last_error_errno(), byname_last_error_message());
    return status;
}

/** How long a call may block. Made from any duration; by default for ever. */
class timeout {
public:
    /** For ever. */
    constexpr timeout() noexcept : nanoseconds_(BYNAME_INFINITE) {}

    /** This long: zero polls; a negative time or NaN throws BYNAME_ERR_INVALID_ARGUMENT. */
    template <class Rep, class Period>
    timeout(const std::chrono::duration<Rep, Period> &duration) : nanoseconds_(convert(duration)) {}

    /** The time that is left until a point of time: zero once it is past. */
    template <class Clock, class Duration>
    static timeout until(const std::chrono::time_point<Clock, Duration> &point) {
        const auto now = Clock::now();
        return point > now ? timeout(point - now) : timeout(std::chrono::nanoseconds::zero());
    }

    /** In nanoseconds, as byname.h takes it; BYNAME_INFINITE for ever. */
    constexpr std::int64_t count() const noexcept { return nanoseconds_; }

private:
    template <class Rep, class Period>
    static std::int64_t convert(const std::chrono::duration<Rep, Period> &duration) {
        // Long double holds every count of nanoseconds; the longest durations of coarse units would overflow an integer.
        const long double exact = std::chrono::duration<long double, std::nano>(duration).count();
        if (!(exact >= 0))
            throw error(BYNAME_ERR_INVALID_ARGUMENT, 87, 0,
                        "the time-out is negative or no number; use zero to poll or byname::forever");
        if (exact >= 9.2e18L) return BYNAME_INFINITE;
        if constexpr (std::is_floating_point_v<Rep>) {
            const auto whole = static_cast<std::int64_t>(exact);
            return static_cast<long double>(whole) < exact ? whole + 1 : whole;
        } else {
            return std::chrono::ceil<std::chrono::nanoseconds>(duration).count();
        }
    }

    std::int64_t nanoseconds_;
};

/** Waits for ever. */
inline constexpr timeout forever{};

/** What an acquisition tells: the fence, and whether the previous owner died holding it. */
using grant = byname_grant;
/** What a wait for several objects tells. */
using wait_result = byname_wait_result;
/** Who owns a mutex. */
using owner = byname_owner;

namespace detail {

/** C strings end at the first NUL: a name that holds one would silently be another name. */
inline const char *c_name(const std::string &name) {
    if (name.find('\0') != std::string::npos)
        throw error(BYNAME_ERR_INVALID_NAME, 123, 0, "the name holds a NUL character; a name is text without NUL");
    return name.c_str();
}

/** The value if the call acquired, nothing if its time was over. */
template <class T>
std::optional<T> unless_timed_out(byname_status status, const T &value) {
    if (check(status) == BYNAME_TIMED_OUT) return std::nullopt;
    return value;
}

} // namespace detail

/** An open handle of any kind; closes itself. Move-only; an object that was moved from is closed. */
class object {
public:
    object(object &&other) noexcept : handle_(std::exchange(other.handle_, byname_handle{0})) {}
    object &operator=(object &&other) noexcept {
        if (this != &other) {
            byname_handle_close(handle_);
            handle_ = std::exchange(other.handle_, byname_handle{0});
        }
        return *this;
    }
    object(const object &) = delete;
    object &operator=(const object &) = delete;

    /** Closes the handle; an error if it is closed already. */
    void close() { check(byname_handle_close(std::exchange(handle_, byname_handle{0}))); }

    /** The name as it was given, "" if there is none. */
    [[nodiscard]] std::string name() const {
        char buffer[BYNAME_NAME_SIZE];
        std::size_t length = 0;
        check(byname_handle_name(handle_, buffer, sizeof buffer, &length));
        return std::string(buffer, length);
    }

    /** Whether this handle's call made the object, or found it. */
    [[nodiscard]] bool created() const {
        bool answer = false;
        check(byname_handle_created(handle_, &answer));
        return answer;
    }

    /** A descriptor for epoll and the like, closed with the handle; see byname_handle_fd(). */
    int fd() const {
        int number = -1;
        check(byname_handle_fd(handle_, &number));
        return number;
    }

    /** The handle for byname.h; it stays this object's to close. */
    [[nodiscard]] byname_handle handle() const noexcept { return handle_; }

protected:
    object() noexcept = default;
    ~object() {
        if (handle_.id != 0) byname_handle_close(handle_);
    }
    byname_handle handle_{0};
};

/**
 * A recursive mutex, owned by a thread and abandoned when its owner dies. Meets TimedLockable: std::scoped_lock,
 * std::unique_lock and std::lock work. Contract 3; see byname_mutex_lock() for when a death is told.
 *
 * ```cpp
 * byname::mutex ledger("ledger");
 * std::unique_lock<byname::mutex> lock(ledger, 5s);
 * if (!lock) return 1; // somebody has had it for five seconds
 * std::cout << "mine, fence " << ledger.held().fence << '\n';
 * ```
 */
class mutex : public object {
public:
    /** A mutex without a name, for this process and its forked children. */
    mutex() { check(byname_mutex_create(nullptr, nullptr, &handle_)); }
    /** Makes the mutex, or opens it if it exists. */
    explicit mutex(const std::string &name) { check(byname_mutex_create(detail::c_name(name), nullptr, &handle_)); }
    /** The same with rights, a namespace, or the first hold: begin with BYNAME_MUTEX_OPTIONS_INIT. */
    mutex(const std::string &name, const byname_mutex_options &options) {
        check(byname_mutex_create(detail::c_name(name), &options, &handle_));
    }
    /** Opens an existing mutex; BYNAME_ERR_NOT_FOUND where there is none. */
    static mutex open(const std::string &name) { return open(name, BYNAME_OPEN_OPTIONS_INIT); }
    /** The same with rights or a namespace. */
    static mutex open(const std::string &name, const byname_open_options &options) {
        mutex opened{closed{}};
        check(byname_mutex_open(detail::c_name(name), &options, &opened.handle_));
        return opened;
    }

    /** Acquires for the calling thread; the answer tells whether the previous owner died. */
    grant lock() { return *lock_for(forever); }
    /** Acquires within the time, or not at all. */
    [[nodiscard]] std::optional<grant> lock_for(timeout time) {
        grant news{};
        return detail::unless_timed_out(byname_mutex_lock(handle_, time.count(), &news), news);
    }
    /** Acquires if that is possible at once. Whether the previous owner died, held() tells. */
    [[nodiscard]] bool try_lock() { return check(byname_mutex_lock(handle_, 0, nullptr)) != BYNAME_TIMED_OUT; }
    /** Acquires within the time: false when it is over. Whether the previous owner died, held() tells. */
    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period> &time) {
        return check(byname_mutex_lock(handle_, timeout(time).count(), nullptr)) != BYNAME_TIMED_OUT;
    }
    /** The same until a point of time of any clock, which is looked at once, at the call. */
    template <class Clock, class Duration>
    [[nodiscard]] bool try_lock_until(const std::chrono::time_point<Clock, Duration> &point) {
        return check(byname_mutex_lock(handle_, timeout::until(point).count(), nullptr)) != BYNAME_TIMED_OUT;
    }
    /** Releases one acquisition of the calling thread; BYNAME_ERR_NOT_OWNER if it holds none. */
    void unlock() { check(byname_mutex_unlock(handle_)); }

    /** What the calling thread's hold says; BYNAME_ERR_NOT_OWNER if it holds nothing. */
    grant held() const {
        grant news{};
        check(byname_mutex_held(handle_, &news));
        return news;
    }
    /** Who owns it now, nothing if it is free. */
    [[nodiscard]] std::optional<owner> current_owner() const {
        owner found{};
        check(byname_mutex_owner(handle_, &found));
        if (found.pid == 0) return std::nullopt;
        return found;
    }

private:
    struct closed {};
    explicit mutex(closed) noexcept {}
};

/** Who resets an event: the wait that it satisfies, or somebody by reset(). */
enum class reset_mode { automatic, manual };

/**
 * An event: set or not. Contract 4.
 *
 * ```cpp
 * byname::event ready("ready", byname::reset_mode::manual);
 * ready.set();
 * if (!ready.wait_for(2s)) return 1;
 * ```
 */
class event : public object {
public:
    /** An event without a name, for this process and its forked children. */
    explicit event(reset_mode mode, bool set = false) { make(nullptr, mode, set); }
    /** Makes the event, or opens it if it exists; then `mode` and `set` are ignored. */
    event(const std::string &name, reset_mode mode, bool set = false) { make(detail::c_name(name), mode, set); }
    /** The same with rights or a namespace: begin with BYNAME_EVENT_OPTIONS_INIT. */
    event(const std::string &name, const byname_event_options &options) {
        check(byname_event_create(detail::c_name(name), &options, &handle_));
    }
    /** Opens an existing event; BYNAME_ERR_NOT_FOUND where there is none. */
    static event open(const std::string &name) { return open(name, BYNAME_OPEN_OPTIONS_INIT); }
    /** The same with rights or a namespace. */
    static event open(const std::string &name, const byname_open_options &options) {
        event opened{closed{}};
        check(byname_event_open(detail::c_name(name), &options, &opened.handle_));
        return opened;
    }

    /** Releases everybody who waits and stays set (manual), or one, or stays set for the next (automatic). */
    void set() { check(byname_event_set(handle_)); }
    /** Unsets it. */
    void reset() { check(byname_event_reset(handle_)); }
    /** Releases who waits at this instant (automatic: one at most) and leaves it unset. */
    void pulse() { check(byname_event_pulse(handle_)); }
    /** Whether it is set; takes nothing. */
    [[nodiscard]] bool is_set() const {
        bool answer = false;
        check(byname_event_is_set(handle_, &answer));
        return answer;
    }

    /** Waits until it is set. */
    void wait() { check(byname_event_wait(handle_, BYNAME_INFINITE)); }
    /** Waits within the time; false when it is over. */
    [[nodiscard]] bool wait_for(timeout time) { return check(byname_event_wait(handle_, time.count())) != BYNAME_TIMED_OUT; }

private:
    struct closed {};
    explicit event(closed) noexcept {}
    void make(const char *name, reset_mode mode, bool set) {
        byname_event_options options = BYNAME_EVENT_OPTIONS_INIT;
        options.manual_reset = mode == reset_mode::manual;
        options.initially_set = set;
        check(byname_event_create(name, &options, &handle_));
    }
};

/**
 * A semaphore: a count of units. Contract 5.
 *
 * ```cpp
 * byname::semaphore slots("slots", 4, 4);
 * if (slots.acquire_for(2s)) slots.release();
 * ```
 */
class semaphore : public object {
public:
    /** A semaphore without a name, for this process and its forked children. */
    semaphore(std::int64_t initial, std::int64_t maximum) { make(nullptr, initial, maximum); }
    /** Makes the semaphore, or opens it if it exists; then the counts are checked and ignored. */
    semaphore(const std::string &name, std::int64_t initial, std::int64_t maximum) {
        make(detail::c_name(name), initial, maximum);
    }
    /** The same with rights, a namespace, or robust: begin with BYNAME_SEMAPHORE_OPTIONS_INIT. */
    semaphore(const std::string &name, const byname_semaphore_options &options) {
        check(byname_semaphore_create(detail::c_name(name), &options, &handle_));
    }
    /** Opens an existing semaphore; BYNAME_ERR_NOT_FOUND where there is none. */
    static semaphore open(const std::string &name) { return open(name, BYNAME_OPEN_OPTIONS_INIT); }
    /** The same with rights or a namespace. */
    static semaphore open(const std::string &name, const byname_open_options &options) {
        semaphore opened{closed{}};
        check(byname_semaphore_open(detail::c_name(name), &options, &opened.handle_));
        return opened;
    }

    /** Takes a unit; the answer tells whether a holder has died. */
    grant acquire() { return *acquire_for(forever); }
    /** Takes a unit if one is free. */
    [[nodiscard]] bool try_acquire() { return check(byname_semaphore_acquire(handle_, 0, nullptr)) != BYNAME_TIMED_OUT; }
    /** Takes a unit within the time, or none. */
    [[nodiscard]] std::optional<grant> acquire_for(timeout time) {
        grant news{};
        return detail::unless_timed_out(byname_semaphore_acquire(handle_, time.count(), &news), news);
    }
    /** Adds units; gives the count before. Over the maximum it adds none: BYNAME_ERR_TOO_MANY_POSTS. */
    std::uint32_t release(std::int64_t n = 1) {
        std::uint32_t before = 0;
        check(byname_semaphore_release(handle_, n, &before));
        return before;
    }
    /** How many units are free; takes none. */
    [[nodiscard]] std::uint32_t available() const {
        std::uint32_t count = 0;
        check(byname_semaphore_available(handle_, &count));
        return count;
    }

private:
    struct closed {};
    explicit semaphore(closed) noexcept {}
    void make(const char *name, std::int64_t initial, std::int64_t maximum) {
        byname_semaphore_options options = BYNAME_SEMAPHORE_OPTIONS_INIT;
        options.initial = initial;
        options.maximum = maximum;
        check(byname_semaphore_create(name, &options, &handle_));
    }
};

/**
 * A timer: signaled when its time comes. Contract 6.
 *
 * ```cpp
 * byname::timer beat("beat", byname::reset_mode::automatic);
 * beat.set(2ms, 5ms); // after 2 ms, then every 5 ms
 * if (!beat.wait_for(2s)) return 1;
 * beat.cancel();
 * ```
 */
class timer : public object {
public:
    /** A timer without a name, for this process and its forked children. */
    explicit timer(reset_mode mode) { make(nullptr, mode); }
    /** Makes the timer, or opens it if it exists; then `mode` is ignored. */
    timer(const std::string &name, reset_mode mode) { make(detail::c_name(name), mode); }
    /** The same with rights or a namespace: begin with BYNAME_TIMER_OPTIONS_INIT. */
    timer(const std::string &name, const byname_timer_options &options) {
        check(byname_timer_create(detail::c_name(name), &options, &handle_));
    }
    /** Opens an existing timer; BYNAME_ERR_NOT_FOUND where there is none. */
    static timer open(const std::string &name) { return open(name, BYNAME_OPEN_OPTIONS_INIT); }
    /** The same with rights or a namespace. */
    static timer open(const std::string &name, const byname_open_options &options) {
        timer opened{closed{}};
        check(byname_timer_open(detail::c_name(name), &options, &opened.handle_));
        return opened;
    }

    /** Sets it to this long from now, and to every period after that if there is one. */
    void set(timeout due, timeout period = std::chrono::nanoseconds::zero()) {
        check(byname_timer_set(handle_, due.count(), period.count()));
    }
    /** Sets it to an instant of the wall clock, which it follows, and to every period after that if there is one. */
    void set_at(const std::chrono::system_clock::time_point &due, timeout period = std::chrono::nanoseconds::zero()) {
        const auto since = due.time_since_epoch();
        check(byname_timer_set_at(handle_, std::chrono::duration_cast<std::chrono::nanoseconds>(since).count(), period.count()));
    }
    /** Stops it; whether it is signaled stays as it is. */
    void cancel() { check(byname_timer_cancel(handle_)); }
    /** How long until its time comes next; nothing if it does not. */
    [[nodiscard]] std::optional<std::chrono::nanoseconds> remaining() const {
        std::int64_t left = -1;
        check(byname_timer_remaining(handle_, &left));
        if (left < 0) return std::nullopt;
        return std::chrono::nanoseconds(left);
    }

    /** Waits until it is signaled. */
    void wait() { check(byname_timer_wait(handle_, BYNAME_INFINITE)); }
    /** Waits within the time; false when it is over. */
    [[nodiscard]] bool wait_for(timeout time) { return check(byname_timer_wait(handle_, time.count())) != BYNAME_TIMED_OUT; }

private:
    struct closed {};
    explicit timer(closed) noexcept {}
    void make(const char *name, reset_mode mode) {
        byname_timer_options options = BYNAME_TIMER_OPTIONS_INIT;
        options.manual_reset = mode == reset_mode::manual;
        check(byname_timer_create(name, &options, &handle_));
    }
};

/** Mapped bytes of a mapping; unmaps itself, and outlives the mapping's handles. Move-only; one that was moved from is empty. */
class view {
public:
    view(view &&other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    view &operator=(view &&other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    view(const view &) = delete;
    view &operator=(const view &) = delete;
    ~view() {
        if (data_) byname_mapping_unmap(data_);
    }

    /** The first byte. Other processes write to these bytes at any time; a store to a view that only reads ends this one. */
    [[nodiscard]] void *data() const noexcept { return data_; }
    /** How many bytes. */
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /** Writes what was changed to the file. */
    void flush() { check(byname_mapping_flush(data_, 0)); }

private:
    friend class mapping;
    view(void *data, std::size_t size) noexcept : data_(data), size_(size) {}
    void *data_;
    std::size_t size_;
};

/**
 * Memory, or a file's bytes, that processes share by a name; it cannot be waited for. Contract 7.
 *
 * ```cpp
 * byname::mapping board("board", 65536);
 * byname::view bytes = board.map(BYNAME_ACCESS_MAP_WRITE);
 * static_cast<char *>(bytes.data())[bytes.size() - 1] = 'x'; // seen by everybody who has mapped "board"
 * ```
 */
class mapping : public object {
public:
    /** Memory without a name, for this process and its forked children. */
    explicit mapping(std::uint64_t size) { make(nullptr, size); }
    /** Makes memory, or opens the mapping if it exists; then the size is checked and ignored. */
    mapping(const std::string &name, std::uint64_t size) { make(detail::c_name(name), size); }
    /** The same with a file, a protection, rights or a namespace: begin with BYNAME_MAPPING_OPTIONS_INIT. */
    mapping(const std::string &name, const byname_mapping_options &options) {
        check(byname_mapping_create(detail::c_name(name), &options, &handle_));
    }
    /** Opens an existing mapping; BYNAME_ERR_NOT_FOUND where there is none. */
    static mapping open(const std::string &name) { return open(name, BYNAME_OPEN_OPTIONS_INIT); }
    /** The same with rights or a namespace. */
    static mapping open(const std::string &name, const byname_open_options &options) {
        mapping opened{closed{}};
        check(byname_mapping_open(detail::c_name(name), &options, &opened.handle_));
        return opened;
    }

    /** Maps bytes from an offset on, a multiple of 65536; a length of 0 is up to the end. `access` is a BYNAME_ACCESS_MAP_ constant. */
    [[nodiscard]] view map(std::uint32_t access, std::uint64_t offset = 0, std::uint64_t length = 0) const {
        void *address = nullptr;
        std::size_t mapped = 0;
        check(byname_mapping_map(handle_, access, offset, length, nullptr, &address, &mapped));
        return view(address, mapped);
    }
    /** How many bytes, which protection, how many published changes. */
    [[nodiscard]] byname_mapping_state look() const {
        byname_mapping_state state{};
        check(byname_mapping_look(handle_, &state));
        return state;
    }
    /** Publishes what was written: one more version. */
    void publish() { check(byname_mapping_publish(handle_)); }

private:
    struct closed {};
    explicit mapping(closed) noexcept {}
    void make(const char *name, std::uint64_t size) {
        byname_mapping_options options = BYNAME_MAPPING_OPTIONS_INIT;
        options.size = size;
        check(byname_mapping_create(name, &options, &handle_));
    }
};

/** What was reserved or taken of a queue; gives its place back, unless it was committed. Move-only; one that was moved from is empty. */
class queue_message {
public:
    queue_message(queue_message &&other) noexcept : message_(std::exchange(other.message_, byname_queue_message{})) {}
    queue_message &operator=(queue_message &&other) noexcept {
        std::swap(message_, other.message_);
        return *this;
    }
    queue_message(const queue_message &) = delete;
    queue_message &operator=(const queue_message &) = delete;
    ~queue_message() {
        if (message_.data) byname_queue_release(&message_);
    }

    /** The first byte, until it is committed or released. One that was taken is only to be read. */
    [[nodiscard]] void *data() const noexcept { return message_.data; }
    /** How many bytes. */
    [[nodiscard]] std::size_t size() const noexcept { return message_.size; }
    /** Whether it is an alert. */
    [[nodiscard]] bool alert() const noexcept { return (message_.flags & BYNAME_QUEUE_ALERT) != 0; }
    /** Sends what was reserved. */
    void commit() { commit(message_.size); }
    /** Sends the first bytes of it; out of range it stays reserved: BYNAME_ERR_INVALID_ARGUMENT. */
    void commit(std::size_t size) {
        const byname_status status = byname_queue_commit(&message_, size);
        if (status != BYNAME_ERR_INVALID_ARGUMENT) message_ = byname_queue_message{};
        check(status);
    }
    /** Gives the place back, and what was reserved is not sent. */
    void release() {
        const byname_queue_message given = std::exchange(message_, byname_queue_message{});
        check(byname_queue_release(&given));
    }

private:
    friend class queue;
    explicit queue_message(const byname_queue_message &message) noexcept : message_(message) {}
    byname_queue_message message_;
};

/** Which end of a queue: the one that receives, or the one that sends. */
enum class queue_end : std::uint32_t { read = BYNAME_QUEUE_READ, write = BYNAME_QUEUE_WRITE };

/**
 * One end of a message queue. In a wait it is signaled while there is a message, or room; a wait takes nothing. Contract 9.
 *
 * ```cpp
 * byname::queue reader("jobs", 16, 1 << 20), writer = reader.open_end(byname::queue_end::write);
 * writer.send("hello", 5);
 * std::cout << reader.recv() << '\n';
 * auto frame = writer.reserve(1 << 20); // nothing is copied
 * static_cast<char *>(frame.data())[99] = 'x';
 * frame.commit();
 * auto message = reader.take();
 * if (static_cast<char *>(message.data())[99] != 'x') return 1;
 * ```
 */
class queue : public object {
public:
    /** A queue without a name, for this process and its forked children: an end of it. */
    queue(std::uint32_t max_messages, std::uint32_t max_size, queue_end end = queue_end::read) { make(nullptr, max_messages, max_size, end); }
    /** Makes the queue, or opens it if it exists: an end of it. No message may be longer than `max_size`; 0 messages is as many as memory holds. */
    queue(const std::string &name, std::uint32_t max_messages, std::uint32_t max_size, queue_end end = queue_end::read) {
        make(detail::c_name(name), max_messages, max_size, end);
    }
    /** The same with flags or a namespace: begin with BYNAME_QUEUE_OPTIONS_INIT. */
    queue(const std::string &name, const byname_queue_options &options) {
        check(byname_queue_create(detail::c_name(name), &options, &handle_));
    }
    /** Opens an end of an existing queue; BYNAME_ERR_NOT_FOUND where there is none. */
    static queue open(const std::string &name, queue_end end = queue_end::read) {
        byname_queue_options options = BYNAME_QUEUE_OPTIONS_INIT;
        options.end = static_cast<std::uint32_t>(end);
        return open(name, options);
    }
    /** The same with a namespace. */
    static queue open(const std::string &name, const byname_queue_options &options) {
        queue opened{closed{}};
        check(byname_queue_open(detail::c_name(name), &options, &opened.handle_));
        return opened;
    }
    /** Opens another end of it. */
    [[nodiscard]] queue open_end(queue_end end) const {
        queue opened{closed{}};
        check(byname_queue_open_end(handle_, static_cast<std::uint32_t>(end), &opened.handle_));
        return opened;
    }

    /** Sends a message, which is copied; waits while the queue is full. An alert is read first. */
    void send(const void *data, std::size_t size, bool alert = false) { (void)send_for(forever, data, size, alert); }
    /** Sends within the time; false when it is over. */
    [[nodiscard]] bool send_for(timeout time, const void *data, std::size_t size, bool alert = false) {
        return check(byname_queue_send(handle_, data, size, time.count(), flags(alert))) != BYNAME_TIMED_OUT;
    }
    /** Receives the next message, whatever its length. */
    std::string recv() { return *recv_for(forever); }
    /** Receives within the time, or nothing. */
    [[nodiscard]] std::optional<std::string> recv_for(timeout time) {
        const auto message = take_for(time);
        if (!message) return std::nullopt;
        return std::string(static_cast<const char *>(message->data()), message->size());
    }

    /** Takes room for a message, to be written where it will be read, and then committed. */
    [[nodiscard]] queue_message reserve(std::size_t size, bool alert = false) { return std::move(*reserve_for(forever, size, alert)); }
    /** The same within the time, or nothing. */
    [[nodiscard]] std::optional<queue_message> reserve_for(timeout time, std::size_t size, bool alert = false) {
        byname_queue_message room{};
        if (check(byname_queue_reserve(handle_, size, time.count(), flags(alert), &room)) == BYNAME_TIMED_OUT) return std::nullopt;
        return queue_message(room);
    }
    /** Takes the next message, to be read where it is. */
    [[nodiscard]] queue_message take() { return std::move(*take_for(forever)); }
    /** The same within the time, or nothing. */
    [[nodiscard]] std::optional<queue_message> take_for(timeout time) {
        byname_queue_message message{};
        if (check(byname_queue_take(handle_, time.count(), &message)) == BYNAME_TIMED_OUT) return std::nullopt;
        return queue_message(message);
    }
    /** Its numbers at one instant. */
    [[nodiscard]] byname_queue_state info() const {
        byname_queue_state seen{};
        check(byname_queue_info(handle_, &seen));
        return seen;
    }

private:
    struct closed {};
    explicit queue(closed) noexcept {}
    static std::uint32_t flags(bool alert) noexcept { return alert ? BYNAME_QUEUE_ALERT : 0; }
    void make(const char *name, std::uint32_t max_messages, std::uint32_t max_size, queue_end end) {
        byname_queue_options options = BYNAME_QUEUE_OPTIONS_INIT;
        options.end = static_cast<std::uint32_t>(end);
        options.max_messages = max_messages;
        options.max_size = max_size;
        check(byname_queue_create(name, &options, &handle_));
    }
};

/**
 * Another process, signalled when it has ended. Contract 10.1.
 *
 * ```cpp
 * auto self = byname::process::open(getpid());
 * if (self.wait_for(0s)) return 1;
 * ```
 */
class process : public object {
public:
    /** Opens a process of the caller's own PID namespace; BYNAME_ERR_INVALID_ARGUMENT where no process has that number. */
    static process open(std::int64_t pid) { return open(pid, BYNAME_OPEN_OPTIONS_INIT); }
    /** The same with rights or a namespace. */
    static process open(std::int64_t pid, const byname_open_options &options) {
        process opened{closed{}};
        check(byname_process_open(pid, &options, &opened.handle_));
        return opened;
    }

    /** The number by which it was opened. */
    [[nodiscard]] std::uint32_t pid() const {
        std::uint32_t number = 0;
        check(byname_process_pid(handle_, &number));
        return number;
    }
    /** How it ended; nothing while it runs. */
    [[nodiscard]] std::optional<std::uint32_t> exit_code() const {
        bool running = false;
        std::uint32_t code = 0;
        check(byname_process_exit_code(handle_, &running, &code));
        if (running) return std::nullopt;
        return code;
    }
    /** Kills it by SIGKILL; byname tells the code from then on, its parent sees the signal. */
    void terminate(std::uint32_t code) { check(byname_process_terminate(handle_, code)); }

    /** Waits until it has ended. */
    void wait() { check(byname_wait(handle_, BYNAME_INFINITE, nullptr)); }
    /** Waits within the time; false when it is over. */
    [[nodiscard]] bool wait_for(timeout time) { return check(byname_wait(handle_, time.count(), nullptr)) != BYNAME_TIMED_OUT; }

private:
    struct closed {};
    explicit process(closed) noexcept {}
};

/**
 * A set of processes that are limited, counted and ended together. Contract 8.
 *
 * ```cpp
 * byname::job job("build", true);
 * job.terminate(1);
 * job.wait();
 * ```
 */
class job : public object {
public:
    /** A job without a name, for this process and its forked children. */
    explicit job(bool kill_on_close = false) { make(nullptr, kill_on_close); }
    /** Makes the job, or opens it if it exists; then `kill_on_close` is ignored. */
    explicit job(const std::string &name, bool kill_on_close = false) { make(detail::c_name(name), kill_on_close); }
    /** The same with rights or a namespace: begin with BYNAME_JOB_OPTIONS_INIT. */
    job(const std::string &name, const byname_job_options &options) {
        check(byname_job_create(detail::c_name(name), &options, &handle_));
    }
    /** Opens an existing job; BYNAME_ERR_NOT_FOUND where there is none. */
    static job open(const std::string &name) { return open(name, BYNAME_OPEN_OPTIONS_INIT); }
    /** The same with rights or a namespace. */
    static job open(const std::string &name, const byname_open_options &options) {
        job opened{closed{}};
        check(byname_job_open(detail::c_name(name), &options, &opened.handle_));
        return opened;
    }

    /** Puts a process into it; its later children are in it, too. */
    void assign(std::int64_t pid) { check(byname_job_assign(handle_, pid)); }
    /** Kills all its processes; byname tells the code for them, and the job is signalled from then on. */
    void terminate(std::uint32_t code) { check(byname_job_terminate(handle_, code)); }
    /** The living processes in it, and in jobs inside it. */
    [[nodiscard]] std::vector<std::uint32_t> pids() const {
        for (std::size_t room = 64;; room *= 2) {
            std::vector<std::uint32_t> found(room);
            std::size_t count = 0;
            const byname_status status = byname_job_pids(handle_, found.data(), room, &count);
            if (status == BYNAME_ERR_BUFFER_TOO_SMALL) continue;
            check(status);
            found.resize(count);
            return found;
        }
    }
    /** What it limits. */
    [[nodiscard]] byname_job_limits limits() const {
        byname_job_limits seen = {};
        check(byname_job_limits_of(handle_, &seen));
        return seen;
    }
    /** Sets all its limits: what is zero is lifted. */
    void limit(const byname_job_limits &limits) { check(byname_job_limit(handle_, &limits)); }
    /** What it has come to. */
    [[nodiscard]] byname_job_accounting accounting() const {
        byname_job_accounting seen = {};
        check(byname_job_query(handle_, &seen));
        return seen;
    }

    /** Waits until it has been terminated. */
    void wait() { check(byname_wait(handle_, BYNAME_INFINITE, nullptr)); }
    /** Waits within the time; false when it is over. */
    [[nodiscard]] bool wait_for(timeout time) { return check(byname_wait(handle_, time.count(), nullptr)) != BYNAME_TIMED_OUT; }

private:
    struct closed {};
    explicit job(closed) noexcept {}
    void make(const char *name, bool kill_on_close) {
        byname_job_options options = BYNAME_JOB_OPTIONS_INIT;
        options.kill_on_close = kill_on_close;
        check(byname_job_create(name, &options, &handle_));
    }
};

/** What a job tells: who came, who went, that nobody is left. */
enum class job_message : std::uint32_t {
    active_process_limit = BYNAME_JOB_MSG_ACTIVE_PROCESS_LIMIT,
    active_process_zero = BYNAME_JOB_MSG_ACTIVE_PROCESS_ZERO,
    new_process = BYNAME_JOB_MSG_NEW_PROCESS,
    exit_process = BYNAME_JOB_MSG_EXIT_PROCESS,
    abnormal_exit_process = BYNAME_JOB_MSG_ABNORMAL_EXIT_PROCESS,
    job_memory_limit = BYNAME_JOB_MSG_JOB_MEMORY_LIMIT,
};

/** One notification of a job; `pid` is 0 for what is told of the job. */
struct job_notification {
    job_message message;
    std::uint32_t pid;
};

/**
 * The notifications of a job, in order. In a wait it is signaled while there is one; a wait takes none. Its end is theirs; it does not keep the job. Contract 8.7.
 *
 * ```cpp
 * byname::job job;
 * byname::job_notifications told(job);
 * if (told.next_for(0s)) return 1; // nobody is in it
 * ```
 */
class job_notifications : public object {
public:
    /** Begins them: first who is in it. BYNAME_ERR_INVALID_ARGUMENT where this process has them already. */
    explicit job_notifications(const job &of) { check(byname_job_notifications(of.handle(), &handle_)); }
    /** The next one. */
    job_notification next() { return *next_for(forever); }
    /** The next one within the time, or nothing. */
    [[nodiscard]] std::optional<job_notification> next_for(timeout time) {
        byname_job_notification told = {};
        if (check(byname_job_notification_next(handle_, time.count(), &told)) == BYNAME_TIMED_OUT) return std::nullopt;
        return job_notification{static_cast<job_message>(told.message), told.pid};
    }
};

/** What a watchdog does when its grace is over. */
enum class action : std::uint32_t { none = BYNAME_ACTION_NONE, kill = BYNAME_ACTION_KILL, reset_device = BYNAME_ACTION_RESET_DEVICE };

/**
 * A watchdog: acts when it is not refreshed in time. Contract 9.8.
 *
 * ```cpp
 * byname::watchdog dog("alive", 5s, 1s, byname::action::kill);
 * dog.start();
 * for (int i = 0; i < 3; i++) dog.refresh(); // after each piece of work, of less than five seconds
 * dog.stop();
 * ```
 */
class watchdog : public object {
public:
    /** Makes the watchdog, or opens it if it exists; then the times and the action are checked and ignored. */
    watchdog(const std::string &name, timeout period, timeout grace, action what) {
        byname_watchdog_options options = BYNAME_WATCHDOG_OPTIONS_INIT;
        options.period_ns = period.count();
        options.grace_ns = grace.count();
        options.action = static_cast<std::uint32_t>(what);
        check(byname_watchdog_create(detail::c_name(name), &options, &handle_));
    }
    /** The same with rights, a namespace or a parameter: begin with BYNAME_WATCHDOG_OPTIONS_INIT. */
    watchdog(const std::string &name, const byname_watchdog_options &options) {
        check(byname_watchdog_create(detail::c_name(name), &options, &handle_));
    }
    /** Opens an existing watchdog; BYNAME_ERR_NOT_FOUND where there is none. */
    static watchdog open(const std::string &name) { return open(name, BYNAME_OPEN_OPTIONS_INIT); }
    /** The same with rights or a namespace. */
    static watchdog open(const std::string &name, const byname_open_options &options) {
        watchdog opened{closed{}};
        check(byname_watchdog_open(detail::c_name(name), &options, &opened.handle_));
        return opened;
    }

    /** From now on this process is watched, and must refresh within each period. */
    void start() { check(byname_watchdog_start(handle_)); }
    /** One period more. */
    void refresh() { check(byname_watchdog_refresh(handle_)); }
    /** Nobody is watched, and no action taken. */
    void stop() { check(byname_watchdog_stop(handle_)); }
    /** Whether refreshes through this handle tell systemd, too. */
    void notify_systemd(bool on) { check(byname_watchdog_notify_systemd(handle_, on)); }
    /** All of its state at one instant. */
    [[nodiscard]] byname_watchdog_state state() const {
        byname_watchdog_state seen{};
        check(byname_watchdog_look(handle_, &seen));
        return seen;
    }

    /** Waits until it is signaled. */
    void wait() { check(byname_watchdog_wait(handle_, BYNAME_INFINITE)); }
    /** Waits within the time; false when it is over. */
    [[nodiscard]] bool wait_for(timeout time) { return check(byname_watchdog_wait(handle_, time.count())) != BYNAME_TIMED_OUT; }

private:
    struct closed {};
    explicit watchdog(closed) noexcept {}
};

/** One place in a wait for several objects: made from an object of any kind, which must outlive the wait's start. */
class waitable {
public:
    waitable(const object &of) noexcept : handle_(of.handle()) {}

private:
    byname_handle handle_;
};
static_assert(sizeof(waitable) == sizeof(byname_handle) && std::is_trivially_copyable_v<waitable>,
              "an array of waitables is passed as one of handles");

namespace detail {

inline std::optional<wait_result> wait(decltype(&byname_wait_any) call, const waitable *objects, std::size_t n, timeout time) {
    wait_result news{};
    return unless_timed_out(call(reinterpret_cast<const byname_handle *>(objects), n, time.count(), &news), news);
}

} // namespace detail

/**
 * Waits for one of several objects and takes that one: the first of the list that is signalled. Nothing when the time is over.
 * Contract 10.4.
 *
 * ```cpp
 * byname::event stop("stop", byname::reset_mode::manual);
 * byname::semaphore work("work", 1, 100);
 * auto won = byname::wait_any({stop, work}, 2s);
 * if (!won || won->index != 1) return 1; // the place in the list
 * ```
 */
[[nodiscard]] inline std::optional<wait_result> wait_any(std::initializer_list<waitable> objects, timeout time = forever) {
    return detail::wait(byname_wait_any, objects.begin(), objects.size(), time);
}
/** The same for a list that is made at run time. */
[[nodiscard]] inline std::optional<wait_result> wait_any(const std::vector<waitable> &objects, timeout time = forever) {
    return detail::wait(byname_wait_any, objects.data(), objects.size(), time);
}

/**
 * Waits for all of several objects at one instant: all are taken, or none. Contract 10.5.
 *
 * ```cpp
 * byname::mutex from("accounts/a"), to("accounts/b");
 * if (!byname::wait_all({from, to}, 2s)) return 1;
 * to.unlock();
 * from.unlock();
 * ```
 */
[[nodiscard]] inline std::optional<wait_result> wait_all(std::initializer_list<waitable> objects, timeout time = forever) {
    return detail::wait(byname_wait_all, objects.begin(), objects.size(), time);
}
/** The same for a list that is made at run time. */
[[nodiscard]] inline std::optional<wait_result> wait_all(const std::vector<waitable> &objects, timeout time = forever) {
    return detail::wait(byname_wait_all, objects.data(), objects.size(), time);
}

/**
 * Signals one object, then waits for another; nothing when the time is over, and then the signal stays done. Contract 10.8.
 *
 * ```cpp
 * byname::event done("done", byname::reset_mode::automatic), go("go", byname::reset_mode::automatic);
 * if (byname::signal_and_wait(done, go, 1ms)) return 1; // nobody sets go
 * if (!done.is_set()) return 1;
 * ```
 */
inline std::optional<grant> signal_and_wait(const object &signal, const object &wait, timeout time = forever) {
    grant news{};
    return detail::unless_timed_out(byname_signal_and_wait(signal.handle(), wait.handle(), time.count(), &news), news);
}

} // namespace byname

#endif /* BYNAME_HPP */
