"""A Recording in; tables, timelines, memory, trace files and pages out."""
