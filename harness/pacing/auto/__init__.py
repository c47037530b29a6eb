"""`auto`: no configuration at all. Learns limits from headers where there are any, from refusals where there are none.

history    what was sent and what became of it
trust      which headers are believed
shape      how a limit counts, as its resets tell
meter      one limit as headers tell it; `headers` holds them all
periods    how long its window is, where that is not told
tightest   what is left of the limit that is shown, and so of any
gate       may a request go, by all that?
belief     one limit that is believed to hold, and how surely
explain    which limit explains a refusal: pure, used to read recorded runs too
pause      from a first refusal to the probe that gets through
probe      one request a window goes early, to sharpen a period
found      limits found by refusals, told apart and corrected
refill     a rate, where room comes back bit by bit; `refilling` decides whether it does
crowd      how many may be in flight
charges    whether refused requests cost quota
learn      what an answer and a refusal teach: puts the above to work
strategy   the pacer
"""

from harness.pacing.auto.news import News
from harness.pacing.auto.strategy import AutoPacer

__all__ = ["AutoPacer", "News"]
