"""Tables and figures over finished runs: one page of HTML, and images."""
