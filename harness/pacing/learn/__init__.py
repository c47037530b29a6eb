"""`auto`: no configuration at all. Learns limits from headers where there are any, from refusals where there are none.

observations  what was sent and what became of it
hypotheses    a limit that may hold: frozen, its parameters intervals, judged by what was let through and refused
identify      which hypotheses together explain all that was refused, by description length
experiments   the next question: which request goes early, and when
prior         which counts and periods people choose, and which headers are believed
pause         from a first refusal to the probe that gets through
refill        a rate, where room comes back bit by bit
refusal_cost  whether refused requests cost quota
claim         what headers say of one limit, whose trust can be revoked; `claims` holds them all
levels        buckets, by how what is left grows
resets        how a limit counts, by how its resets move
admission     may a request go, by all that headers say?
explain       which window explains one refusal: pure, used to read recorded runs too
facts         what people are told of beliefs
learning      what an answer and a refusal teach: puts the above to work
strategy      the pacer; what it believes is enforced by `WindowPacer`
"""

from harness.pacing.learn.strategy import AutoPacer, DeclaredPacer

__all__ = ["AutoPacer", "DeclaredPacer"]
