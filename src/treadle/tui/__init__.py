"""The terminal UI: start runs, watch them, steer them, and look at what came out.

    cli          the command ``treadle ui``
    app          the application: which screen, themes, how it ends
    screens      one module each: home, run, failure, new, lab, prompts, code …
    dialogs      what is asked in between
    widgets      parts of screens
    forms        fields of a command, from its own options
    following    how a run is, at any moment: its record and its control socket
    session      which runs one screen shows
    keys         one key after the other, as they were pressed
    launching    commands started from here: processes of their own
    listing      the runs of Home, read fast
    remembered   what is kept from one time to the next
    plain        the same, line by line, for screen readers
    web          the same, in a browser

A run that is started here is the command that the form shows, in a process of its own; it is
watched through its record, like any other run. So there is one way to run things, and neither what
workers print nor the end of the UI can disturb one or the other.
"""
