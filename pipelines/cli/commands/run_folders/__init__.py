"""Commands that take the folder of a run.

status, watch              how far a run is, and what a recipe would do anew
why, explore               what became of one pair, or of all of them
verify                     whether the web still has its images, and permits them
compare, concepts          two runs side by side; concepts before and after balancing
subset, urls, push, papers what is made of a run for others
"""
