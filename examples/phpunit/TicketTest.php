<?php

// omnidesk-mock run -- vendor/bin/phpunit TicketTest.php

declare(strict_types=1);

use PHPUnit\Framework\TestCase;

final class TicketTest extends TestCase
{
    private array $account;
    private string $accountUrl;

    protected function setUp(): void
    {
        $control = getenv('OMNIDESK_CONTROL_URL');
        $this->account = $this->ask('POST', "$control/accounts");
        $this->accountUrl = "$control/accounts/{$this->account['account']}";
    }

    protected function tearDown(): void
    {
        $this->ask('DELETE', $this->accountUrl);
    }

    public function testAReportBecomesTheFirstTicket(): void
    {
        $this->assertSame(1, $this->report('Printer on fire'));
        $this->assertSame(['Printer on fire'], $this->titles());
    }

    public function testAClosedTicketLeavesTheListAfterAMonth(): void
    {
        $this->ask('PUT', "{$this->accountUrl}/clock", ['mode' => 'frozen', 'at' => '2026-03-01T12:00:00Z']);
        $ticket = $this->report('Printer on fire');
        $this->ask('PUT', $this->tickets("/$ticket"), ['status' => 'closed']);
        $this->assertSame(['Printer on fire'], $this->titles());
        $this->ask('POST', "{$this->accountUrl}/clock/advance", ['by' => '31d']);
        $this->assertSame([], $this->titles());
    }

    private function report(string $title): int
    {
        $ticket = ['brandID' => 1, 'channelID' => 1, 'direction' => 'inbound'];
        $ticket += ['from' => 'ada@example.test', 'to' => 'desk@example.test', 'title' => $title];
        return $this->ask('POST', $this->tickets(), $ticket)['ticketID'];
    }

    private function titles(): array
    {
        return array_column($this->ask('GET', $this->tickets())['items'], 'title');
    }

    private function tickets(string $path = ''): string
    {
        return "{$this->account['base_url']}/api/v2/ticket$path";
    }

    private function ask(string $method, string $url, ?array $body = null): ?array
    {
        $headers = ['apiKey: ' . ($this->account['api_key'] ?? ''), 'Content-Type: application/json'];
        $http = ['method' => $method, 'header' => $headers, 'content' => $body ? json_encode($body) : ''];
        $answer = file_get_contents($url, false, stream_context_create(['http' => $http]));
        $this->assertNotFalse($answer, "$method $url is refused");
        return json_decode($answer, true);
    }
}
