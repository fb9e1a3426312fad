"""Beam's runners: in this process, or on a cluster.

run_job          runs a job, and raises what a worker raised
cluster_options  mistakes in the options of a run on a cluster, said before anything is submitted
placement        on which machines steps are to run
"""
