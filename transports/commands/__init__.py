"""The command line as data: what each command takes, and the help, the completion and the pages made from that."""
