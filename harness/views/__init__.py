"""What people look at. Views read the record (`harness.record`), never the engine, and may fail without stopping a run.

text: numbers and times in words. screen: what a stream can show. frame, progress: a running import. summary: its
end. plan: what is said before its start. runs, show: runs of the past.
"""
