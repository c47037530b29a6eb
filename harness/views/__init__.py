"""Show runs to people. Views read the record (`harness.record`) and result types; a view that fails stops no run.

Everything that a view shows of a run is in one `harness.record.run_view.RunView`, so that two views cannot disagree.
figures, text: numbers, times and figures in words. screen: what a stream can show. frame, progress: a running import.
summary, show, explain, runs: what became of one run, and of all. plan: what is said before a start. comparison:
settings compared. panel, plots and report: notebooks, figures and pages.
"""
