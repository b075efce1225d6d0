"""A solution of each task in benchmarks/data/code_tasks.jsonl."""


def add_vat(price, percent):
    return round(price * (1 + percent / 100), 2)


def digit_gap(n):
    return int(max(str(n))) - int(min(str(n)))


def count_pairs(numbers, total):
    return sum(a + b == total for i, a in enumerate(numbers) for b in numbers[i + 1 :])


def rotate_left(items, k):
    k = k % len(items) if items else 0
    return items[k:] + items[:k]


def run_lengths(text):
    from itertools import groupby

    return [(character, len(list(run))) for character, run in groupby(text)]


def second_smallest(numbers):
    return sorted(set(numbers))[1] if len(set(numbers)) > 1 else None


def to_roman(n):
    numerals = zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ("M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"),
        strict=True,
    )
    text = ""
    for value, numeral in numerals:
        count, n = divmod(n, value)
        text += numeral * count
    return text


def collatz_steps(n):
    steps = 0
    while n != 1:
        n, steps = (n // 2 if n % 2 == 0 else 3 * n + 1), steps + 1
    return steps


def triangle_kind(a, b, c):
    x, y, z = sorted((a, b, c))
    if z >= x + y:
        return "none"
    return {1: "equilateral", 2: "isosceles", 3: "scalene"}[len({a, b, c})]


def change(cents):
    from collections import Counter

    coins = Counter()
    for coin in (50, 20, 10, 5, 2, 1):
        count, cents = divmod(cents, coin)
        if count:
            coins[coin] = count
    return coins


def is_prime_sum(numbers):
    n = sum(numbers)
    return n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))


def eval_rpn(tokens):
    stack = []
    for token in tokens:
        if token in ("+", "-", "*"):
            b, a = stack.pop(), stack.pop()
            stack.append({"+": a + b, "-": a - b, "*": a * b}[token])
        else:
            stack.append(int(token))
    return stack[0]


def fib_below(limit):
    a, b, found = 1, 2, []
    while a < limit:
        found.append(a)
        a, b = b, a + b
    return found


def hamming(a, b):
    return sum(x != y for x, y in zip(a, b)) + abs(len(a) - len(b))  # noqa: B905


def sum_even(numbers):
    return sum(number for number in numbers if number % 2 == 0)


def initials(name):
    return "".join(word[0].upper() + "." for word in name.split())


def count_long(words, length):
    return sum(len(word) > length for word in words)


def drop_repeats(items):
    return list(dict.fromkeys(items))


def interleave(a, b):
    return [item for pair in zip(a, b, strict=True) for item in pair]


def last_digit_sort(numbers):
    return sorted(numbers, key=lambda number: number % 10)


def common_prefix(a, b):
    length = 0
    while a[length : length + 1] == b[length : length + 1] != "":
        length += 1
    return a[:length]


def divisors(n):
    return [d for d in range(1, n + 1) if n % d == 0]


def digital_root(n):
    return 1 + (n - 1) % 9 if n else 0


def middle(text):
    return text[(len(text) - 1) // 2 : len(text) // 2 + 1]


def price_after(price, discounts):
    for discount in discounts:
        price -= price * discount / 100
    return round(price, 2)


def count_inside(numbers, low, high):
    return sum(low <= number < high for number in numbers)


def mirror(items):
    return items + items[::-1]


def every_nth(items, n):
    return items[n - 1 :: n]


def word_lengths(sentence):
    return {word: len(word) for word in sentence.split()}


def running_max(numbers):
    from itertools import accumulate

    return list(accumulate(numbers, max))
