"""Forms for the commands that begin a run, made of the commands' own options.

offers        which commands there are forms for, and which options stand first
fields        the arguments and options of a command, as what a person fills in
command_line  values → what is typed in a shell, and back
checking      what is wrong with values, said by the readers of the commands
looking       what the values lead to: how many files, which function
functions     functions in files of code that is not run
odd           names that no terminal can show
rows          one field on the screen
"""
