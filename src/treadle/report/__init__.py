"""What became of one run, for people: figures folded from its record, a page, and a trace.

    tally.py       folds the rows of the record into figures of a bounded size, also as they come
    page/          the figures as one HTML file
    trace.py       every attempt as an event, for the trace viewers of browsers
    place.py       where either is written
    opening.py     either in the viewer of the desktop
    again.py       what is typed to go on with the run

All of it is read from the record of the run; nothing here starts, stops or changes one.
"""
