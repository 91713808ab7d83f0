"""Do two lots of times differ? Times have long tails and drift, so both are taken in turns, and ranks are compared."""
import math
import statistics

# A chance in a hundred thousand to see a difference where there is none.
DEVIATIONS = 4.4


def mann_whitney(a, b):
    """How many standard deviations the ranks of a lie above those of b, if both were the same (ties are shared)."""
    ordered = sorted([(value, 0) for value in a] + [(value, 1) for value in b])
    ranks, ties, at = [0.0, 0.0], 0.0, 0
    while at < len(ordered):
        end = at
        while end < len(ordered) and ordered[end][0] == ordered[at][0]:
            end += 1
        for _, which in ordered[at:end]:
            ranks[which] += (at + 1 + end) / 2
        ties += (end - at) ** 3 - (end - at)
        at = end
    n, m = len(a), len(b)
    mean = n * (n + m + 1) / 2
    variance = n * m / 12 * ((n + m + 1) - ties / ((n + m) * (n + m - 1)))
    return (ranks[0] - mean) / math.sqrt(variance)


# What is certain, and still too little to be used: over a network it takes so many tries that limits come first.
TOLERATED_SECONDS = 3e-6


class Comparison:
    def __init__(self, a, b):
        self.deviations = mann_whitney(a, b)
        self.median_a, self.median_b = statistics.median(a), statistics.median(b)

    def differs(self):
        return abs(self.deviations) > DEVIATIONS and abs(self.median_a - self.median_b) > TOLERATED_SECONDS

    def __str__(self):
        return "medians %.1f and %.1f us, %.1f standard deviations" % (
            self.median_a * 1e6, self.median_b * 1e6, self.deviations)
