"""Beam's Python workers on a cluster's machines, forked from one process that has imported everything.

    task manager --EXTERNAL--> external -+
    task manager --PROCESS --> boot -----+--> pool --fork--> worker

`pool` is that process: it starts no thread and opens no channel, and forks a child for each connection that asks for a
worker. `external` asks on behalf of runners, by Beam's own service; `boot` for the command that a runner starts a
worker with. `worker` is what a child does. `requests`: what is asked, and how. `preload`: what is imported.
"""
