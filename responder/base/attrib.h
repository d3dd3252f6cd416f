/*
 * Attributes that state a function's contract in its type. GCC and Clang
 * check them; another compiler reads past them.
 */
#ifndef BASE_ATTRIB_H
#define BASE_ATTRIB_H

#if defined(__GNUC__)
#define A_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define A_NORETURN __attribute__((noreturn))
#define A_MUST_USE __attribute__((warn_unused_result))
#define A_UNUSED __attribute__((unused))
#else
#define A_PRINTF(fmt, args)
#define A_NORETURN
#define A_MUST_USE
#define A_UNUSED
#endif

#endif
