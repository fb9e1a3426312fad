"""The `babelsift` command: its options, printing and exit statuses. Nothing else may import from here.

main             all subcommands, and errors in one line each; `commands/` has one module a subcommand
entry_point      the process that is the command
exit_status      how the command ends
command_parser   a parser whose errors are one line
beam_options     Beam's own options, which follow ours
recipe_options   --recipe and --set
columns          which columns of the input are the pair
folder_command   what the commands that look at a finished run share
log_lines        lines on standard error, as text or JSON
progress_display how far a run is, drawn on a terminal or told in lines
"""
