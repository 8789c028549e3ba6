/* Lets each allocation of an exchange fail in turn, ours or libcurl's, alone or with all that
 * follow: the exchange may fail, the next one of the same engine may not, and nothing is lost.
 * Links csrc/http and csrc/base alone. Linked with --wrap for the allocator's functions, which
 * tells ours from libcurl's; see memory_spec.lua. */
#include "http/engine.h"
#include "http/exchange.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);
char *__wrap_strdup(const char *text);

struct failing {
  const char *whose;
  int at, seen; /* the allocation of this number fails; 0: none */
  bool alone;
};
static struct failing ours = {.whose = "our"}, libcurls = {.whose = "libcurl's"};

static int blocks, exchanges;

static bool fails(struct failing *f) {
  f->seen++;
  return f->at > 0 && (f->alone ? f->seen == f->at : f->seen >= f->at);
}

/* libcurl's, which count the same blocks. */

static void *curl_malloc(size_t size) {
  void *memory = fails(&libcurls) ? NULL : __real_malloc(size);
  blocks += memory != NULL;
  return memory;
}

static void *curl_calloc(size_t number, size_t size) {
  void *memory = fails(&libcurls) ? NULL : __real_calloc(number, size);
  blocks += memory != NULL;
  return memory;
}

static void *curl_realloc(void *memory, size_t size) {
  if (fails(&libcurls)) return NULL;
  blocks += memory == NULL;
  return __real_realloc(memory, size);
}

static char *curl_strdup(const char *text) {
  char *copy = fails(&libcurls) ? NULL : __real_strdup(text);
  blocks += copy != NULL;
  return copy;
}

static void give_back(void *memory) {
  blocks -= memory != NULL;
  __real_free(memory);
}

void *__wrap_malloc(size_t size) {
  void *memory = fails(&ours) ? NULL : __real_malloc(size);
  blocks += memory != NULL;
  return memory;
}

void *__wrap_calloc(size_t number, size_t size) {
  void *memory = fails(&ours) ? NULL : __real_calloc(number, size);
  blocks += memory != NULL;
  return memory;
}

void *__wrap_realloc(void *memory, size_t size) {
  if (fails(&ours)) return NULL;
  blocks += memory == NULL;
  return __real_realloc(memory, size);
}

void __wrap_free(void *memory) {
  blocks -= memory != NULL;
  __real_free(memory);
}

char *__wrap_strdup(const char *text) {
  char *copy = fails(&ours) ? NULL : __real_strdup(text);
  blocks += copy != NULL;
  return copy;
}

static int listener, connection = -1, port;

static void listen_somewhere(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  bind(listener, (struct sockaddr *)&address, size);
  listen(listener, 16);
  getsockname(listener, (struct sockaddr *)&address, &size);
  port = ntohs(address.sin_port);
}

/* Answers what has come, and closes. */
static void serve(void) {
  static const char answer[] = "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 5\r\n\r\nhello";
  char request[4096];
  if (connection < 0) connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  ssize_t got = connection < 0 ? -1 : recv(connection, request, sizeof request, 0);
  if (got > 0) send(connection, answer, sizeof answer - 1, MSG_NOSIGNAL);
  if (connection < 0 || (got < 0 && connection >= 0)) return;
  close(connection);
  connection = -1;
}

static bool exchange(struct engine *engine, struct failing *f, int at) {
  struct exchange x = {.done = true};
  struct transport transport = {.connect_timeout = 5, .stall_timeout = 5};
  struct failure failure = {0};
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/%d", port, at > 0);
  struct http_request request = {.method = "POST",
                                 .url = url,
                                 .headers = "A: b\0",
                                 .body = "{}",
                                 .body_size = 2,
                                 .success_limit = 100,
                                 .error_limit = 100};
  exchanges++;
  exchange_clear(&x);
  f->seen = 0;
  f->at = at;
  bool begun = exchange_begin(&x, &request, &transport, 5) && engine_add(engine, &x);
  while (begun && !x.done) {
    engine_wait(engine, 0.001);
    engine_step(engine, NULL);
    serve();
  }
  f->at = 0;
  while (engine_next_ready(engine) > 0) continue;
  bool good = begun && !exchange_failure(&x, &failure) && x.answer.body.size == 5 &&
              answer_header(&x.answer, "etag") != NULL;
  exchange_free(&x);
  return good;
}

/* Lets each fail, from the first to the last that there is. */
static void try_all(struct failing *f, bool alone) {
  int failed = 0, last = 1, before = blocks;
  f->alone = alone;
  for (int at = 1; at <= last && at < 5000; at++) {
    struct engine *engine = engine_new();
    if (!exchange(engine, f, at)) failed++;
    if (f->seen >= at) last = at + 1;
    if (!exchange(engine, f, 0))
      printf("after %s allocation %d failed, so did the next exchange\n", f->whose, at);
    engine_free(engine);
    if (blocks != before)
      printf("%s allocation %d: %d blocks are lost\n", f->whose, at, blocks - before);
    before = blocks;
  }
  if (failed < 3) printf("only %d of %d failed for want of %s memory\n", failed, last, f->whose);
}

int main(void) {
  if (curl_global_init_mem(CURL_GLOBAL_ALL, curl_malloc, give_back, curl_realloc, curl_strdup,
                           curl_calloc) != CURLE_OK)
    return puts("libcurl takes no allocator");
  listen_somewhere();
  struct engine *first = engine_new();
  if (!exchange(first, &ours, 0)) return puts("no exchange succeeds");
  engine_free(first);
  for (int i = 0; i < 4; i++) try_all(i < 2 ? &ours : &libcurls, i % 2 == 0);
  printf("%d exchanges\n", exchanges);
  return 0;
}
