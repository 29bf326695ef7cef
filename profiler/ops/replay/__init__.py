"""`profiler replay`: profiles are built anew from the topic, behind what the live mode has done."""
