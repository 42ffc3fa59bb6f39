package desk;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.OptionalInt;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.opentest4j.AssertionFailedError;

/** Recipes: how a test verifies the requests of its client, and how it injects a fault. */
class RecipesTest {
    private final Account account = new Account();

    @AfterEach
    void removeAccount() {
        account.close();
    }

    @Test
    void exactlyOneTicketIsSolved() throws Exception {
        var client = new DeskClient(account.baseUrl(), account.apiKey());
        client.createTicket("Printer on fire");
        client.solveTickets(client.createTicket("Out of paper"));
        account.control("POST", "/verify", """
                {"operation": "ticket.setStatus", "fields": {"status": "solved", "ticketIDs": [2]},
                 "count": {"exactly": 1}}""");
    }

    @Test
    void retryAfterLostResponseCreatesNoSecondTicket() throws Exception {
        createTicketAndLoseResponse(new RetryingClient(account.baseUrl(), account.apiKey()));
        verifyOneTicketWasCreated();
    }

    @Test
    void naiveClientCreatesTwoTickets() throws Exception {
        createTicketAndLoseResponse(new NaiveClient(account.baseUrl(), account.apiKey()));
        var error = assertThrows(AssertionFailedError.class, this::verifyOneTicketWasCreated);
        assertTrue(error.getMessage().contains("Found 2 among 2 requests"), error.getMessage());
    }

    /** The server creates the ticket, and the connection breaks before the response arrives. */
    private void createTicketAndLoseResponse(DeskClient client) throws Exception {
        account.control("POST", "/faults", """
                {"operation": "ticket.create", "first": 1, "effect": {"drop_response": "reset"}}""");
        client.createTicket("Order 4711: printer on fire");
    }

    private void verifyOneTicketWasCreated() {
        account.control("POST", "/verify", """
                {"operation": "ticket.create", "changed": true, "count": {"exactly": 1}}""");
    }

    /** The same client with a common mistake: it repeats the request without a search for the ticket. */
    private static final class NaiveClient extends RetryingClient {
        NaiveClient(String baseUrl, String apiKey) {
            super(baseUrl, apiKey);
        }

        @Override
        protected OptionalInt findTicket(String title) {
            return OptionalInt.empty();
        }
    }
}
