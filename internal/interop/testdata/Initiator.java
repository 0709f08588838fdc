import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.ietf.jgss.ChannelBinding;
import org.ietf.jgss.GSSContext;
import org.ietf.jgss.GSSException;
import org.ietf.jgss.GSSManager;
import org.ietf.jgss.GSSName;
import org.ietf.jgss.MessageProp;
import org.ietf.jgss.Oid;

/**
 * An initiator with Java's JGSS, for the protocol of wire.py.
 *
 * Reads plans from standard input, one on each line: PORT SERVICE@HOST OID FLAGS BINDINGS
 * SIZES. FLAGS are GSS-API flags. BINDINGS are application data, or "-" for no channel
 * bindings. SIZES are the lengths of messages, separated by commas, or "-" for no messages.
 * For each plan it writes its observations as a line of JSON, with the names of
 * initiator.py.
 */
public class Initiator {
    static final int DELEG = 1, MUTUAL = 2, REPLAY = 4, SEQUENCE = 8, CONF = 16, INTEG = 32;
    static final int LIMIT = 1 << 21;

    final String[] plan;
    final List<String> steps = new ArrayList<>();
    DataInputStream in;
    OutputStream out;
    GSSContext context;
    String server = "{}", error = "null";
    boolean established;
    int legs;

    Initiator(String line) {
        plan = line.split(" ");
    }

    public static void main(String[] args) throws Exception {
        BufferedReader plans = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = plans.readLine()) != null; ) {
            System.out.println(new Initiator(line).run());
        }
    }

    String run() throws Exception {
        try (Socket sock = new Socket("127.0.0.1", Integer.parseInt(plan[0]))) {
            sock.setTcpNoDelay(true);
            sock.setSoTimeout(25_000);
            in = new DataInputStream(sock.getInputStream());
            out = sock.getOutputStream();
            context = create();
            establish();
            if (established && !plan[5].equals("-")) {
                for (String size : plan[5].split(",")) {
                    wrap(Integer.parseInt(size), true);
                    wrap(Integer.parseInt(size), false);
                    mic(Integer.parseInt(size));
                }
            }
            return String.format(
                    "{\"established\":%b,\"flags\":%d,\"legs\":%d,\"error\":%s,\"server\":%s,\"steps\":[%s]}",
                    established, flags(), legs, error, server, String.join(",", steps));
        } finally {
            context.dispose();
        }
    }

    GSSContext create() throws GSSException {
        GSSManager manager = GSSManager.getInstance();
        GSSName target = manager.createName(plan[1], GSSName.NT_HOSTBASED_SERVICE);
        GSSContext c = manager.createContext(target, new Oid(plan[2]), null, GSSContext.DEFAULT_LIFETIME);
        int flags = Integer.decode(plan[3]);
        c.requestCredDeleg((flags & DELEG) != 0);
        c.requestMutualAuth((flags & MUTUAL) != 0);
        c.requestReplayDet((flags & REPLAY) != 0);
        c.requestSequenceDet((flags & SEQUENCE) != 0);
        c.requestConf((flags & CONF) != 0);
        c.requestInteg((flags & INTEG) != 0);
        if (!plan[4].equals("-")) {
            c.setChannelBinding(new ChannelBinding(plan[4].getBytes(StandardCharsets.UTF_8)));
        }
        return c;
    }

    int flags() throws GSSException {
        return (context.getCredDelegState() ? DELEG : 0)
                | (context.getMutualAuthState() ? MUTUAL : 0)
                | (context.getReplayDetState() ? REPLAY : 0)
                | (context.getSequenceDetState() ? SEQUENCE : 0)
                | (context.getConfState() ? CONF : 0)
                | (context.getIntegState() ? INTEG : 0);
    }

    /** Exchanges tokens until the acceptor accepts or refuses. */
    void establish() throws Exception {
        byte[] token = {};
        char op = 'C';
        while (op == 'C') {
            if (!step(token)) {
                return;
            }
            op = receive();
            token = null;
            if (op == 'T') {
                token = payload;
                legs++;
                op = receive();
            }
            server = new String(payload, StandardCharsets.UTF_8);
        }
        if (token != null && !step(token)) {
            return;
        }
        established = op == 'A' && context.isEstablished();
    }

    /** Passes a token to JGSS and sends the token that JGSS returns. */
    boolean step(byte[] token) throws Exception {
        if (token == null || context.isEstablished()) {
            throw new IOException("the acceptor sent no token, or sent a token after the context was established");
        }
        try {
            byte[] answer = context.initSecContext(token, 0, token.length);
            if (answer != null && answer.length > 0) {
                send('T', answer);
                legs++;
            }
            return true;
        } catch (GSSException e) {
            error = String.format("{\"verdict\":%s,\"minor\":%d,\"text\":%s}", quote(e.getMajorString()), e.getMinor(), quote(e.getMessage()));
            return false;
        }
    }

    void wrap(int size, boolean conf) throws Exception {
        byte[] message = message(size);
        MessageProp sealed = new MessageProp(0, conf), sealedBack = new MessageProp(0, false);
        send('W', context.wrap(message, 0, message.length, sealed));
        if (receive() != 'W') {
            refused(size);
            return;
        }
        byte[] back = context.unwrap(payload, 0, payload.length, sealedBack);
        steps.add(String.format("{\"size\":%d,\"sealed\":%b,\"sealed_back\":%b,\"echo\":%b}",
                size, sealed.getPrivacy(), sealedBack.getPrivacy(), Arrays.equals(message, back)));
    }

    void mic(int size) throws Exception {
        byte[] message = message(size);
        byte[] mic = context.getMIC(message, 0, size, new MessageProp(0, false));
        send('M', ByteBuffer.allocate(8 + mic.length + size).putInt(mic.length).put(mic).putInt(size).put(message).array());
        if (receive() != 'M') {
            refused(size);
            return;
        }
        int n = ByteBuffer.wrap(payload).getInt();
        context.verifyMIC(payload, 4, n, message, 0, size, new MessageProp(0, false));
        byte[] echo = Arrays.copyOfRange(payload, 8 + n, payload.length);
        steps.add(String.format("{\"size\":%d,\"echo\":%b}", size, Arrays.equals(message, echo)));
    }

    void refused(int size) {
        steps.add(String.format("{\"size\":%d,\"refused\":%s}", size, quote(new String(payload, StandardCharsets.UTF_8))));
    }

    static byte[] message(int size) {
        byte[] b = new byte[size];
        for (int i = 0; i < size; i++) {
            b[i] = (byte) (i * 7 + i / 251);
        }
        return b;
    }

    static String quote(String s) {
        return '"' + s.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", " ") + '"';
    }

    // A frame is op(1) | length(4, big-endian) | payload.

    byte[] payload;

    char receive() throws IOException {
        char op = (char) in.readUnsignedByte();
        int n = in.readInt();
        if (n < 0 || n > LIMIT) {
            throw new IOException("a frame of " + n + " bytes");
        }
        payload = in.readNBytes(n);
        return op;
    }

    void send(char op, byte[] body) throws IOException {
        out.write(ByteBuffer.allocate(5 + body.length).put((byte) op).putInt(body.length).put(body).array());
    }
}
