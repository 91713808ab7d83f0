/* Compiler attributes and the few macros everybody needs. */
#ifndef LINNET_MACROS_H
#define LINNET_MACROS_H

#include <stddef.h>

/* 1 if AddressSanitizer is on. */
#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN 0
#endif

/* The result says whether the call worked; ignoring it is a compile error. */
#define CHECK __attribute__((warn_unused_result))

/* The format string is parameter f, its arguments begin at parameter a. */
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a), nonnull(f)))

#define NORETURN _Noreturn
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* From a pointer to an embedded member to the struct around it. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define CONTAINER_OF_CONST(ptr, type, member) ((const type *)(const void *)((const char *)(ptr)-offsetof(type, member)))

#endif
