package desk;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.time.Duration;
import java.util.OptionalInt;

/** Searches for the ticket before it repeats a request whose outcome is unknown. Replace it with yours. */
public class RetryingClient extends DeskClient {
    public RetryingClient(String baseUrl, String apiKey, Duration timeout) {
        super(baseUrl, apiKey, timeout);
    }

    /** Creates a ticket, once. The title must be unique, for example by an order number. */
    @Override
    public int createTicket(String title) throws IOException, InterruptedException {
        try {
            return super.createTicket(title);
        } catch (IOException outcomeUnknown) {
            OptionalInt id = findTicket(title);
            return id.isPresent() ? id.getAsInt() : super.createTicket(title);
        }
    }

    protected OptionalInt findTicket(String title) throws IOException, InterruptedException {
        for (JsonNode ticket : get("?" + new Form().add("query", title).urlencoded()).get("items")) {
            if (ticket.get("title").asText().equals(title)) {
                return OptionalInt.of(ticket.get("id").asInt());
            }
        }
        return OptionalInt.empty();
    }
}
