"""Readers of public datasets: each turns a source's own files into a `SourceRecording`."""
