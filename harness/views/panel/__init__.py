"""Widgets for JupyterLab and Voila: a run now, the controls that steer it, and the table of all runs.

run_widget: everything known of one run, also as a page without widgets. html: the pieces that it is made of. controls:
what to import, and the buttons. runs: the table of all runs. actions: what can be done with those that are chosen, and
several side by side. All of them read a `RunView` and call back; none knows how an import is made.
"""
