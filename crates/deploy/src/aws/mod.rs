//! AWS, through its ordinary command line client.
