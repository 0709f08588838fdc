package sqlreplay_test

const childFile = "SQLREPLAY_CHILD"

func child(string) {}
