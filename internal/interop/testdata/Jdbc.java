import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;

/**
 * Runs statements with PostgreSQL's JDBC driver. Its arguments are the URL of the server and
 * the statements. It writes the first column of the first row of each result.
 */
public class Jdbc {
    public static void main(String[] args) throws Exception {
        Class.forName("org.postgresql.Driver"); // Java does not load the driver if it runs a program from its source
        try (Connection c = DriverManager.getConnection(args[0]); Statement s = c.createStatement()) {
            for (int i = 1; i < args.length; i++) {
                try (ResultSet r = s.executeQuery(args[i])) {
                    r.next();
                    System.out.println("row " + r.getString(1));
                }
            }
        }
    }
}
