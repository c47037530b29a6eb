"""Runs in an object store: the folder of a run lies here, and its copy in a bucket.

bucket    one prefix of a bucket: reads, lists and conditional writes, with errors in one sentence
lease     who may write a run's copy: one object, changed only by conditional writes
copy      a run's folder to the bucket and back, in an order in which every moment is a readable run
claim     the right to write a run's copy, for as long as a command lasts
"""
