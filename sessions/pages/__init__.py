"""What the pages of a record show, gathered from the facts: plain values for templates, no HTML and no
writes.
"""
