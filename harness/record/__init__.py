"""The record of a run: the events, the fold to a state, and the Parquet parts, summaries and views made of them.

Events are the single source: every figure is computed from them, in one place each.

events, fold, state: what happened, and what is known after it. recorder, parts, arrow, snapshot, sent: how it gets to
the disk. run, folder, about, files: a run's folder. history, follow: reading it back, later or while it is written.
summary, optimality, timeline, live, run_view: what views show. inferred, explain, attempts, items: what is read out of
it. control: commands to a session.
"""
