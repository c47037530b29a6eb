"""`auto`: no configuration at all. Learns limits from headers where there are any, from refusals where there are none.

history       what was sent and what became of it
prior         which counts and periods people choose, and which headers are believed
header_model  one limit as headers tell it, and how it counts, as its resets tell; `headers` holds them all
admission     may a request go, by all that headers say? And how many may be in flight
belief        one limit that is believed to hold, and how surely
explain       which limit explains a refusal: pure, used to read recorded runs too
pause         from a first refusal to the probe that gets through
probe         one request a window goes early, to sharpen a period
refill        a rate, where room comes back bit by bit; `rate` decides whether it does, beside the other limits found
refusal_cost  whether refused requests cost quota
learning      what an answer and a refusal teach: puts the above to work
strategy      the pacer
"""

from harness.pacing.learn.strategy import AutoPacer

__all__ = ["AutoPacer"]
