/* Boost.Interprocess as the C programs call it. Where Boost is not there, HAVE_BOOST is 0 and none of it is called. */
#ifndef BYNAME_BENCH_BOOST_H
#define BYNAME_BENCH_BOOST_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opens, or makes, one object of each kind below; removes their names again. */
void boost_open(const char *name);
void boost_remove(const char *name);

void boost_mutex_lock(void);
void boost_mutex_unlock(void);
void boost_recursive_lock(void);
void boost_recursive_unlock(void);
void boost_semaphore_post(void);
void boost_semaphore_wait(void);

/* A message_queue: opened or made, of so many messages of that size. */
void boost_queue_open(const char *name, size_t places, size_t size);
void boost_queue_remove(const char *name);
void boost_queue_send(const void *message, size_t size);
void boost_queue_receive(void *message, size_t size);

/* A named_mutex: its whole life; opened and closed where it exists. */
void boost_make_and_remove(const char *name);
void boost_make(const char *name);
void boost_open_and_close(const char *name);
void boost_remove_mutex(const char *name);

#ifdef __cplusplus
}
#endif
#endif
