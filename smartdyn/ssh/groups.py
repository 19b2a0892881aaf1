"""The groups of Diffie-Hellman key exchange that have numbers (RFC 3526)."""

from __future__ import annotations

from functools import lru_cache

GENERATOR = 2

_OFFSETS = {2048: 124476, 4096: 240904}
"""For each size the number that makes the formula give a safe prime: groups 14 and 16."""

_GUARD_BITS = 64


@lru_cache
def modp_prime(bits: int) -> int:
    """The prime of a group, 2^n - 2^(n-64) - 1 + 2^64 * (floor(2^(n-130) * pi) + offset).

    RFC 3526 defines the primes by this formula, which is easier to check than hundreds of digits.
    """
    pi = _scaled_pi(bits - 130)
    prime: int = 2**bits - 2 ** (bits - 64) - 1 + 2**64 * (pi + _OFFSETS[bits])
    return prime


def _scaled_pi(bits: int) -> int:
    """The integer part of pi * 2^bits, by Machin's formula."""
    one = 1 << (bits + _GUARD_BITS)
    return (4 * (4 * _arc_cotangent(5, one) - _arc_cotangent(239, one))) >> _GUARD_BITS


def _arc_cotangent(number: int, one: int) -> int:
    total = term = one // number
    divisor, sign = 3, -1
    while term:
        term //= number * number
        total += sign * (term // divisor)
        divisor, sign = divisor + 2, -sign
    return total
