"""Widgets for JupyterLab and Voila: a run now, the controls that steer it, and the table of all runs.

board: everything known of one run. controls: what to import, and the buttons. runs: the table. compare: several runs
side by side. sections, course: the same as HTML and SVG, which is what a notebook without a browser shows.
All of them read the record and call back; none knows how an import is made.
"""
