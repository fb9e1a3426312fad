"""What a run records of itself.

facts     what the manifest, the report and the card state of a run
versions  the software that shapes what a run writes
decoders  whether the versions that decoded a folder's images were always the same
receipt   what a finished product was made from, and every file as it was then

Job, replay, demo and the commands may import from here.
"""
