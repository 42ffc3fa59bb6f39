<?php

// Run with: omnidesk-mock run -- vendor/bin/phpunit TicketTest.php

declare(strict_types=1);

use PHPUnit\Framework\TestCase;

final class TicketTest extends TestCase
{
    private array $account;
    private string $accountUrl;

    protected function setUp(): void
    {
        $control = getenv('OMNIDESK_CONTROL_URL');
        $this->account = $this->send('POST', "$control/accounts");
        $this->accountUrl = "$control/accounts/{$this->account['account']}";
    }

    protected function tearDown(): void
    {
        $this->send('DELETE', $this->accountUrl);
    }

    public function testCreatedTicketIsListed(): void
    {
        $this->assertSame(1, $this->createTicket('Printer on fire'));
        $this->assertSame(['Printer on fire'], $this->listTitles());
    }

    public function testClosedTicketIsNotListedAfterAMonth(): void
    {
        $this->send('PUT', "{$this->accountUrl}/clock", ['mode' => 'frozen', 'at' => '2026-03-01T12:00:00Z']);
        $id = $this->createTicket('Printer on fire');
        $this->send('PUT', $this->ticketsUrl("/$id"), ['status' => 'closed']);
        $this->assertSame(['Printer on fire'], $this->listTitles());
        $this->send('POST', "{$this->accountUrl}/clock/advance", ['by' => '31d']);
        $this->assertSame([], $this->listTitles());
    }

    private function createTicket(string $title): int
    {
        $ticket = ['brandID' => 1, 'channelID' => 1, 'direction' => 'inbound'];
        $ticket += ['from' => 'ada@example.test', 'to' => 'desk@example.test', 'title' => $title];
        return $this->send('POST', $this->ticketsUrl(), $ticket)['ticketID'];
    }

    private function listTitles(): array
    {
        return array_column($this->send('GET', $this->ticketsUrl())['items'], 'title');
    }

    private function ticketsUrl(string $path = ''): string
    {
        return "{$this->account['base_url']}/api/v2/ticket$path";
    }

    private function send(string $method, string $url, ?array $body = null): ?array
    {
        $headers = ['apiKey: ' . ($this->account['api_key'] ?? ''), 'Content-Type: application/json'];
        $http = ['method' => $method, 'header' => $headers, 'content' => $body ? json_encode($body) : ''];
        $response = file_get_contents($url, false, stream_context_create(['http' => $http]));
        $this->assertNotFalse($response, "$method $url failed");
        return json_decode($response, true);
    }
}
