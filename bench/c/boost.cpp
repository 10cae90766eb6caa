// Boost.Interprocess, a rival of several rows, behind the C interface of boost.h. An exception ends the program.
#include "boost.h"

#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/interprocess/sync/named_mutex.hpp>
#include <boost/interprocess/sync/named_recursive_mutex.hpp>
#include <boost/interprocess/sync/named_semaphore.hpp>
#include <memory>
#include <string>

using namespace boost::interprocess;

static std::unique_ptr<named_mutex> mutex;
static std::unique_ptr<named_recursive_mutex> recursive;
static std::unique_ptr<named_semaphore> semaphore;
static std::unique_ptr<message_queue> queue;

static std::string part(const char *name, const char *kind) { return std::string(name) + "-" + kind; }

void boost_open(const char *name) {
    mutex = std::make_unique<named_mutex>(open_or_create, part(name, "mutex").c_str());
    recursive = std::make_unique<named_recursive_mutex>(open_or_create, part(name, "recursive").c_str());
    semaphore = std::make_unique<named_semaphore>(open_or_create, part(name, "semaphore").c_str(), 0);
}

void boost_remove(const char *name) {
    named_mutex::remove(part(name, "mutex").c_str());
    named_recursive_mutex::remove(part(name, "recursive").c_str());
    named_semaphore::remove(part(name, "semaphore").c_str());
}

void boost_mutex_lock(void) { mutex->lock(); }
void boost_mutex_unlock(void) { mutex->unlock(); }
void boost_recursive_lock(void) { recursive->lock(); }
void boost_recursive_unlock(void) { recursive->unlock(); }
void boost_semaphore_post(void) { semaphore->post(); }
void boost_semaphore_wait(void) { semaphore->wait(); }

void boost_queue_open(const char *name, size_t places, size_t size) {
    queue = std::make_unique<message_queue>(open_or_create, name, places, size);
}

void boost_queue_remove(const char *name) { message_queue::remove(name); }
void boost_queue_send(const void *message, size_t size) { queue->send(message, size, 0); }

void boost_queue_receive(void *message, size_t size) {
    message_queue::size_type received;
    unsigned priority;
    queue->receive(message, size, received, priority);
}

void boost_make(const char *name) { named_mutex made(create_only, name); }
void boost_open_and_close(const char *name) { named_mutex opened(open_only, name); }
void boost_remove_mutex(const char *name) { named_mutex::remove(name); }

void boost_make_and_remove(const char *name) {
    boost_make(name);
    boost_remove_mutex(name);
}
