//! Examples for azwire; see `README.md` beside this file for the list and the commands.
