/*
 * An initiator with Heimdal's library, for the protocol of wire.py.
 *
 *	heimdal PORT SERVICE@HOST FLAGS [BINDINGS [spnego]]
 *
 * Empty BINDINGS mean no channel bindings. The mechanism is raw Kerberos, or Kerberos in
 * SPNEGO.
 *
 * It establishes one context, sends messages and checks their echoes. It prints a line for
 * each step. It exits with 0 if it established the context and every echo was equal to its
 * message.
 */

#include <arpa/inet.h>
#include <gssapi.h>
#include <gssapi/gssapi_spnego.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT (1 << 21)

static unsigned char in[LIMIT];
static size_t in_len;
static int sock;

static void die(const char *what)
{
	printf("failed: %s\n", what);
	exit(2);
}

static void check(const char *what, OM_uint32 major, OM_uint32 minor)
{
	if (GSS_ERROR(major)) {
		printf("%s: major %#x minor %d\n", what, major, (int)minor);
		exit(1);
	}
}

static void send_all(const void *p, size_t n)
{
	ssize_t done;

	for (; n > 0; p = (const char *)p + done, n -= done)
		if ((done = write(sock, p, n)) <= 0)
			die("write");
}

static void read_all(void *p, size_t n)
{
	ssize_t done;

	for (; n > 0; p = (char *)p + done, n -= done)
		if ((done = read(sock, p, n)) <= 0)
			die("read");
}

static void send_op(char op, const void *p, size_t n)
{
	unsigned char head[5] = {op, n >> 24, n >> 16, n >> 8, n};

	send_all(head, sizeof head);
	send_all(p, n);
}

static char receive_op(void)
{
	unsigned char head[5];

	read_all(head, sizeof head);
	in_len = (size_t)head[1] << 24 | head[2] << 16 | head[3] << 8 | head[4];
	if (in_len >= LIMIT)
		die("a frame that is too long");
	read_all(in, in_len);
	in[in_len] = 0;
	return head[0];
}

/* establish establishes the context and prints its flags. It exits if this fails. */
static gss_ctx_id_t establish(char *target, gss_OID mech, OM_uint32 flags, gss_channel_bindings_t bindings)
{
	gss_buffer_desc name_buf = {strlen(target), target}, token = {0, NULL}, out;
	gss_ctx_id_t ctx = GSS_C_NO_CONTEXT;
	OM_uint32 major, minor, granted = 0;
	static unsigned char kept[LIMIT];
	int tokens = 0, verdict = 'C';
	gss_name_t name;

	major = gss_import_name(&minor, &name_buf, GSS_C_NT_HOSTBASED_SERVICE, &name);
	check("gss_import_name", major, minor);
	for (;;) {
		major = gss_init_sec_context(&minor, GSS_C_NO_CREDENTIAL, &ctx, name, mech, flags,
		    0, bindings, &token, NULL, &out, &granted, NULL);
		check("gss_init_sec_context", major, minor);
		if (out.length > 0) {
			send_op('T', out.value, out.length);
			tokens++;
		} else if (verdict == 'A' && major == GSS_S_COMPLETE) {
			break;
		}
		token.length = 0;
		verdict = receive_op();
		if (verdict == 'T') {
			tokens++;
			memcpy(kept, in, in_len);
			token.length = in_len;
			token.value = kept;
			verdict = receive_op();
		}
		printf("acceptor: %c %s\n", verdict, in);
		if (token.length == 0 && (verdict != 'A' || major != GSS_S_COMPLETE))
			die("no token, and the context is not complete");
		if (token.length == 0)
			break;
	}
	if (verdict != 'A')
		die("the initiator has established the context, but the acceptor has not accepted");
	printf("established: flags %#x, %d tokens\n", granted, tokens);
	return ctx;
}

/* wrap sends a message and checks its echo. */
static void wrap(gss_ctx_id_t ctx, gss_buffer_t message, int conf)
{
	OM_uint32 major, minor;
	gss_buffer_desc out, back;
	int sealed, sealed_back;

	major = gss_wrap(&minor, ctx, conf, GSS_C_QOP_DEFAULT, message, &sealed, &out);
	check("gss_wrap", major, minor);
	send_op('W', out.value, out.length);
	if (receive_op() != 'W')
		die((char *)in);
	out.value = in;
	out.length = in_len;
	major = gss_unwrap(&minor, ctx, &out, &back, &sealed_back, NULL);
	check("gss_unwrap", major, minor);
	if (sealed != conf || sealed_back != conf || back.length != message->length ||
	    memcmp(back.value, message->value, back.length) != 0)
		die("the echo differs from the message");
	printf("echo: wrap %zu %s\n", message->length, conf ? "sealed" : "signed");
}

/* mic sends a message with its MIC and verifies the MIC of the echo. */
static void mic(gss_ctx_id_t ctx, gss_buffer_t message)
{
	static unsigned char parts[LIMIT];
	OM_uint32 major, minor, lens[2];
	gss_buffer_desc out;

	major = gss_get_mic(&minor, ctx, GSS_C_QOP_DEFAULT, message, &out);
	check("gss_get_mic", major, minor);
	lens[0] = htonl(out.length);
	lens[1] = htonl(message->length);
	memcpy(parts, &lens[0], 4);
	memcpy(parts + 4, out.value, out.length);
	memcpy(parts + 4 + out.length, &lens[1], 4);
	memcpy(parts + 8 + out.length, message->value, message->length);
	send_op('M', parts, 8 + out.length + message->length);
	if (receive_op() != 'M')
		die((char *)in);
	memcpy(&lens[0], in, 4);
	out.length = ntohl(lens[0]);
	out.value = in + 4;
	major = gss_verify_mic(&minor, ctx, message, &out, NULL);
	check("gss_verify_mic", major, minor);
	printf("echo: mic %zu\n", message->length);
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 4096, 70000};
	struct gss_channel_bindings_struct bindings = {0};
	struct sockaddr_in addr = {.sin_family = AF_INET};
	static char message[70000];
	gss_buffer_desc buf;
	gss_ctx_id_t ctx;
	int yes = 1;
	size_t i;

	if (argc < 4)
		die("arguments");
	setvbuf(stdout, NULL, _IOLBF, 0);
	addr.sin_port = htons(atoi(argv[1]));
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sock = socket(AF_INET, SOCK_STREAM, 0);
	if (sock < 0 || connect(sock, (struct sockaddr *)&addr, sizeof addr) != 0)
		die("connect");
	setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	signal(SIGPIPE, SIG_IGN);
	if (argc > 4 && *argv[4] != 0) {
		bindings.application_data.value = argv[4];
		bindings.application_data.length = strlen(argv[4]);
	}
	ctx = establish(argv[2], argc > 5 ? GSS_SPNEGO_MECHANISM : GSS_KRB5_MECHANISM, strtoul(argv[3], NULL, 0),
	    bindings.application_data.length > 0 ? &bindings : GSS_C_NO_CHANNEL_BINDINGS);
	for (i = 0; i < sizeof message; i++)
		message[i] = i * 7;
	for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		buf.value = message;
		buf.length = sizes[i];
		wrap(ctx, &buf, 1);
		wrap(ctx, &buf, 0);
		mic(ctx, &buf);
	}
	return 0;
}
