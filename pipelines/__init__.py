"""The job, in rooms, from the top floor down; a room imports only from floors below its own.

cli -> demo | replay -> job -> stages | inspection -> staging | rendering
    -> run_folder | inputs | fetch | recipes -> core
"""
