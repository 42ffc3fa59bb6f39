package desk;

/** The help desk rejected the request. The message is its error message. */
public class ApiException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final int status;

    public ApiException(int status, String message) {
        super(message);
        this.status = status;
    }

    /** Returns the HTTP status. */
    public int status() {
        return status;
    }
}
