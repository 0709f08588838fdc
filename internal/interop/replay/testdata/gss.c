/*
 * An initiator and an acceptor with MIT's GSS library.
 *
 *	gss init SERVICE@HOST N
 *
 * prints N context tokens in hexadecimal, one for each line.
 *
 *	gss accept
 *
 * is the acceptor process of internal/interop/replay/acceptor with MIT's replay cache: it
 * prints "listening on ADDRESS" and answers frames. Each connection gets a process. The
 * keytab and the replay cache are those of KRB5_KTNAME and KRB5RCACHENAME.
 */

#include <arpa/inet.h>
#include <gssapi/gssapi.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT (1 << 16)

static gss_OID_desc krb5 = {9, "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"};

/* explain writes the texts of an error to text. */
static void explain(OM_uint32 major, OM_uint32 minor, char *text, size_t room)
{
	OM_uint32 ignored, more = 0;
	gss_buffer_desc part;
	size_t n;

	n = snprintf(text, room, "major %#x: ", major);
	if (gss_display_status(&ignored, minor, GSS_C_MECH_CODE, &krb5, &more, &part) == GSS_S_COMPLETE)
		snprintf(text + n, room - n, "%.*s", (int)part.length, (char *)part.value);
}

static void die(const char *what, OM_uint32 major, OM_uint32 minor)
{
	char text[512];

	explain(major, minor, text, sizeof text);
	fprintf(stderr, "%s: %s\n", what, text);
	exit(1);
}

static void init(char *target, long count)
{
	gss_buffer_desc name_buf = {strlen(target), target}, out;
	OM_uint32 major, minor;
	gss_name_t name;
	gss_ctx_id_t ctx;
	size_t i;

	major = gss_import_name(&minor, &name_buf, GSS_C_NT_HOSTBASED_SERVICE, &name);
	if (GSS_ERROR(major))
		die("gss_import_name", major, minor);
	for (; count > 0; count--) {
		ctx = GSS_C_NO_CONTEXT;
		major = gss_init_sec_context(&minor, GSS_C_NO_CREDENTIAL, &ctx, name, &krb5,
		    GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG, 0, GSS_C_NO_CHANNEL_BINDINGS, GSS_C_NO_BUFFER,
		    NULL, &out, NULL, NULL);
		if (GSS_ERROR(major))
			die("gss_init_sec_context", major, minor);
		for (i = 0; i < out.length; i++)
			printf("%02x", ((unsigned char *)out.value)[i]);
		printf("\n");
		gss_release_buffer(&minor, &out);
		gss_delete_sec_context(&minor, &ctx, GSS_C_NO_BUFFER);
	}
}

/* read_all returns 0 at the end of the connection. */
static int read_all(int sock, void *p, size_t n)
{
	ssize_t done;

	for (; n > 0; p = (char *)p + done, n -= done)
		if ((done = read(sock, p, n)) <= 0)
			return 0;
	return 1;
}

/* answer writes a frame of a byte and a text. */
static void answer(int sock, char kind, const char *text, size_t n)
{
	unsigned char frame[1024];
	uint32_t len;

	if (n > sizeof frame - 5)
		n = sizeof frame - 5;
	len = htonl(n + 1);
	memcpy(frame, &len, 4);
	frame[4] = kind;
	memcpy(frame + 5, text, n);
	if (write(sock, frame, n + 5) != (ssize_t)(n + 5))
		exit(1);
}

static void serve(int sock, gss_cred_id_t cred)
{
	static unsigned char token[LIMIT];
	gss_buffer_desc in, out, shown;
	OM_uint32 major, minor, ignored;
	gss_name_t client;
	gss_ctx_id_t ctx;
	char text[512];
	uint32_t len;

	for (;;) {
		if (!read_all(sock, &len, 4) || (len = ntohl(len)) > LIMIT || !read_all(sock, token, len))
			return;
		in.value = token;
		in.length = len;
		ctx = GSS_C_NO_CONTEXT;
		client = GSS_C_NO_NAME;
		major = gss_accept_sec_context(&minor, &ctx, cred, &in, GSS_C_NO_CHANNEL_BINDINGS, &client,
		    NULL, &out, NULL, NULL, NULL);
		if (major == GSS_S_COMPLETE) {
			major = gss_display_name(&minor, client, &shown, NULL);
			if (GSS_ERROR(major))
				die("gss_display_name", major, minor);
			answer(sock, 'A', shown.value, shown.length);
			gss_release_buffer(&ignored, &shown);
		} else {
			explain(major, minor, text, sizeof text);
			answer(sock, strstr(text, "replay") ? 'D' : 'R', text, strlen(text));
		}
		gss_release_buffer(&ignored, &out);
		gss_release_name(&ignored, &client);
		if (ctx != GSS_C_NO_CONTEXT)
			gss_delete_sec_context(&ignored, &ctx, GSS_C_NO_BUFFER);
	}
}

static void accept_all(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof at;
	OM_uint32 major, minor;
	gss_cred_id_t cred;
	int sock, conn, on = 1;

	major = gss_acquire_cred(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, GSS_C_NO_OID_SET, GSS_C_ACCEPT,
	    &cred, NULL, NULL);
	if (GSS_ERROR(major))
		die("gss_acquire_cred", major, minor);
	signal(SIGCHLD, SIG_IGN);
	sock = socket(AF_INET, SOCK_STREAM, 0);
	if (sock < 0 || bind(sock, (struct sockaddr *)&at, sizeof at) != 0 || listen(sock, 64) != 0 ||
	    getsockname(sock, (struct sockaddr *)&at, &n) != 0)
		exit(1);
	printf("listening on 127.0.0.1:%d\n", ntohs(at.sin_port));
	fflush(stdout);
	while ((conn = accept(sock, NULL, NULL)) >= 0) {
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(sock);
			setsockopt(conn, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
			serve(conn, cred);
			exit(0);
		}
		close(conn);
	}
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "init") == 0)
		init(argv[2], atol(argv[3]));
	else if (argc == 2 && strcmp(argv[1], "accept") == 0)
		accept_all();
	else
		return 2;
	return 0;
}
