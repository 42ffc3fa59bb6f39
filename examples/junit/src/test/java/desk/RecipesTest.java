package desk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.opentest4j.AssertionFailedError;

/** Recipes: how a test verifies the requests of its client, and how it injects a fault. */
class RecipesTest {
    private static final Duration TIMEOUT = Duration.ofSeconds(1);

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

    @ParameterizedTest
    @MethodSource("lostResponses")
    void retryAfterLostResponseCreatesNoSecondTicket(String effect) throws Exception {
        int id = createTicketAndLoseResponse(new RetryingClient(account.baseUrl(), account.apiKey(), TIMEOUT), effect);
        verifyOneTicketWasCreated();
        assertEquals(1, id, "the client returns the id of the only ticket");
    }

    @ParameterizedTest
    @MethodSource("lostResponses")
    void naiveClientCreatesTwoTickets(String effect) throws Exception {
        createTicketAndLoseResponse(new NaiveClient(account.baseUrl(), account.apiKey(), TIMEOUT), effect);
        var error = assertThrows(AssertionFailedError.class, this::verifyOneTicketWasCreated);
        assertTrue(error.getMessage().contains("Found 2 among 2 requests"), error.getMessage());
    }

    /** Effects of faults: the server creates the ticket, but the client gets no valid response. */
    private static List<String> lostResponses() {
        return List.of("""
                {"drop_response": "reset"}""", """
                {"drop_response": "hang"}""", """
                {"drop_response": 503}""", """
                {"truncate": 10}""", """
                {"malformed": true}""");
    }

    private int createTicketAndLoseResponse(DeskClient client, String effect) throws Exception {
        account.control("POST", "/faults", """
                {"operation": "ticket.create", "first": 1, "effect": %s}""".formatted(effect));
        return client.createTicket("Order 4711: printer on fire");
    }

    private void verifyOneTicketWasCreated() {
        account.control("POST", "/verify", """
                {"operation": "ticket.create", "changed": true, "count": {"exactly": 1}}""");
    }

    /** The same client with a common mistake: it repeats the request without a search for the ticket. */
    private static final class NaiveClient extends RetryingClient {
        NaiveClient(String baseUrl, String apiKey, Duration timeout) {
            super(baseUrl, apiKey, timeout);
        }

        @Override
        protected OptionalInt findTicket(String title) {
            return OptionalInt.empty();
        }
    }
}
