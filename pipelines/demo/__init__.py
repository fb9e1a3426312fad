"""The demo: a small web drawn from a seed, its server, its CLIP, and the truth to compare a run with."""
