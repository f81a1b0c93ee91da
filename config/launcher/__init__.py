"""What stands behind `manage.py demo` and `manage.py test`: servers, process groups, lanes.

Nothing here imports Django or an app of this project: the launcher only starts them as processes.
"""
